"""What ``hwpkho list`` prints."""
