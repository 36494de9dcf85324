"""What logs say of bad pages: readers of lines, and one order of time for all of them."""
