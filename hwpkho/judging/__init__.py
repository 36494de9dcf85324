"""What the next kernel will do with a handover and with each PFN."""
