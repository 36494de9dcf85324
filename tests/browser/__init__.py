"""What reports look like in a real browser: ``make browser-test``."""
