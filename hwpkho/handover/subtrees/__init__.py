"""The readers of a root FDT's subtrees: one module each."""
