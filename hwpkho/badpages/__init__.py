"""Lists of bad pages, whatever their form."""
