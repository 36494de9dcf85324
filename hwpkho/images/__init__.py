"""Physical memory, from whatever image it was saved in."""
