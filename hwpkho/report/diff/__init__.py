"""What ``hwpkho diff`` prints."""
