"""One module per form of memory map."""
