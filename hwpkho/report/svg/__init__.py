"""Pictures as SVG: of memory to scale, and of what a handover is made of."""
