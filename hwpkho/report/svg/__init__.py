"""Pictures as SVG: memory to scale, the structure of a handover, plots."""
