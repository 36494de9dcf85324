"""One view of a memory map: what each frame is to the next kernel, and who may own it."""
