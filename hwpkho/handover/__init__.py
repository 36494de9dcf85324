"""Reads a handover out of an image: follows its pointers, gives facts and problems."""
