"""Manual pages as text, where there is no man(1) to show them."""
