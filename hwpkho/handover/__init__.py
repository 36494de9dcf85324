"""Reads handovers out of memory images: follows their pointers, returns facts and problems."""
