"""What ``hwpkho encode`` prints."""
