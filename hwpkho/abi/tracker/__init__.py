"""The preserved-memory tracker: a module for each form that kernels have used."""
