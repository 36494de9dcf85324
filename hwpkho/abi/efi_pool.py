"""Pool allocations of EDK2 firmware: the tail behind an allocation records its length.

An allocation is a POOL_HEAD, the caller's bytes, and a POOL_TAIL: the signature ``ptal``, 4 bytes
of padding, and the total length. Source: MdeModulePkg/Core/Dxe/Mem/Pool.c; measured on OVMF and
AAVMF: the total is the caller's bytes, rounded up to 8, plus 0x28.
"""

from __future__ import annotations

import struct

from hwpkho.base.addresses import align_up

#: Bytes of a POOL_TAIL.
TAIL = 16
_SIGNATURE = b"ptal"
#: Bytes of POOL_HEAD and POOL_TAIL together.
_AROUND = 0x28


def tail_at(size: int) -> int:
    """Return the offset of the tail from the start of the caller's ``size`` bytes."""
    return align_up(size, 8)


def is_tail(raw: bytes | memoryview, size: int) -> bool:
    """Tell whether ``raw`` is the 16-byte tail of an allocation of ``size`` bytes."""
    if len(raw) != TAIL or bytes(raw[:4]) != _SIGNATURE:
        return False
    (length,) = struct.unpack_from("<Q", raw, 8)
    return bool(length == align_up(size, 8) + _AROUND)


def build_tail(size: int) -> bytes:
    """Return the 16-byte tail of an allocation of ``size`` bytes."""
    return struct.pack("<4s4xQ", _SIGNATURE, align_up(size, 8) + _AROUND)
