"""Things of every kind that a registry takes, each in one module, as a user would add them."""
