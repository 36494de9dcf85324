"""The model as text and JSON."""
