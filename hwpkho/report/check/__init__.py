"""What check prints."""
