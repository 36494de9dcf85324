"""The library: what ``import hwpkho`` offers, without the words of the command line."""
