"""One module a form of list."""
