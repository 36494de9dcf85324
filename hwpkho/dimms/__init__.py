"""Which DIMM and which NUMA node a page is on, as far as an input proves it."""
