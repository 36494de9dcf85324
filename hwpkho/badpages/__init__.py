"""Lists of bad pages: reading and writing them in many forms, comparing and joining them."""
