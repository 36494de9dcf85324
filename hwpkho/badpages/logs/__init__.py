"""Bad pages in logs: readers of messages, and one order of time for all of them."""
