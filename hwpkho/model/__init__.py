"""Plain data: what was read and what is known of it."""
