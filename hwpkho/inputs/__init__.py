"""What the user named: recognised by content, and read into one case."""
