"""What is known of the subtrees of a root FDT: a module each."""
