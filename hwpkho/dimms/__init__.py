"""Which DIMM and which node a page is on, as far as something proves it."""
