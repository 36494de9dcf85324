"""Pages: one file each, readable without script, without a request to anywhere."""
