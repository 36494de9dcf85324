"""Follow pointers through a source; produce the model and its problems."""
