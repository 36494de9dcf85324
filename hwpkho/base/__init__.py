"""What depends on no file format and no kernel: addresses, ranges, sets of PFNs, text, files."""
