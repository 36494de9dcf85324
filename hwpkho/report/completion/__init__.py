"""What ``hwpkho completion`` prints: scripts that complete a command line in a shell."""
