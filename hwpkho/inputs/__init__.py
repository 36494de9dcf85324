"""The user's inputs: recognises each by its content, and reads all of them into one case."""
