"""No format and no kernel: addresses, ranges, sets of PFNs, text, files opened and written."""
