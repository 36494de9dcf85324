"""Bad pages in logs: readers of messages, and one timeline for all of them."""
