"""Many cases in one call: folders, manifests, processes."""
