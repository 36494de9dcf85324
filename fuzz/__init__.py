"""Mutated inputs of every kind: python -m fuzz.run."""
