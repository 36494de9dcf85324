"""The scratch array: where the next kernel may allocate before it knows what is preserved.

Source: include/linux/kho/abi/kexec_handover.h (struct kho_scratch).
"""

from __future__ import annotations

import struct

#: Bytes of an area.
SCRATCH_ENTRY = 16
#: Areas that are read of an array; a kernel makes a handful per NUMA node.
MAX_SCRATCH_AREAS = 4096


def parse_scratch(raw: bytes | memoryview) -> list[tuple[int, int]]:
    """Return the ``(address, size)`` areas, bytes, of a scratch array; trailing bytes are left."""
    return list(struct.iter_unpack("<QQ", bytes(raw[: len(raw) // SCRATCH_ENTRY * SCRATCH_ENTRY])))


def build_scratch(areas: list[tuple[int, int]]) -> bytes:
    """Return the array of ``(address, size)`` areas."""
    return b"".join(struct.pack("<QQ", *area) for area in areas)
