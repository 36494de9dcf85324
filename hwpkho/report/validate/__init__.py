"""What ``hwpkho validate`` prints."""
