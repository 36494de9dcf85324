"""Kernel and boot logs as text: cleaned up, and searched for the lines that a reader wants."""
