"""One kernel header a file: bytes to values and back, no I/O."""
