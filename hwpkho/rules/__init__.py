"""Verdicts: what the next kernel does with a handover and with each PFN."""
