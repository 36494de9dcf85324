"""What ``hwpkho merge`` prints."""
