"""What ``hwpkho fleet ask`` prints."""
