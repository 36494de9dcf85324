"""Renders manual pages as text, for machines without man(1)."""
