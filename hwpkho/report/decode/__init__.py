"""What ``hwpkho decode`` prints."""
