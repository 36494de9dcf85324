"""The EFI table of poisoned memory, LINUX_EFI_POISONED_MEMORY: found in memory, and read."""
