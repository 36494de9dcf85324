"""What a next kernel makes of an EFI table of poisoned memory: its checks in their order.

Source: drivers/firmware/efi/poison.c and mm/mm_init.c of each posting, and what real kernels of all
of them did.
"""
