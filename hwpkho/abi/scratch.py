"""The scratch array: the areas where the next kernel may allocate before it reads the tracker.

Source: include/linux/kho/abi/kexec_handover.h (struct kho_scratch).
"""

from __future__ import annotations

import struct

#: Bytes of an entry.
SCRATCH_ENTRY = 16
#: The most areas that are read; a kernel makes a handful per NUMA node.
MAX_SCRATCH_AREAS = 4096


def parse_scratch(raw: bytes | memoryview) -> list[tuple[int, int]]:
    """Return the areas ``(address, size)`` in bytes; an incomplete last entry is ignored."""
    return list(struct.iter_unpack("<QQ", bytes(raw[: len(raw) // SCRATCH_ENTRY * SCRATCH_ENTRY])))


def build_scratch(areas: list[tuple[int, int]]) -> bytes:
    """Return the bytes of the array of areas ``(address, size)``, both in bytes."""
    return b"".join(struct.pack("<QQ", *area) for area in areas)
