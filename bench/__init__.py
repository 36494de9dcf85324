"""Times and peak memory: python -m bench."""
