"""What each command does, without a word about terminals."""
