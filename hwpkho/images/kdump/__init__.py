"""kdump-compressed memory images, plain or in makedumpfile's flattened form."""
