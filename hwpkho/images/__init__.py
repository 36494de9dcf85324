"""Readers of memory images: physical memory out of a file of any known format."""
