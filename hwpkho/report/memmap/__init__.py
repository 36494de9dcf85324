"""What ``hwpkho memmap`` prints."""
