"""Bytes to structures and back: no I/O, symmetrical."""
