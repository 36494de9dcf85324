"""The forms of list: one module each."""
