"""The kernel's and the firmware's binary structures: one header a module, no I/O."""
