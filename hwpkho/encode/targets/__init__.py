"""The forms in which a handover, or the list alone, is written: a module each."""
