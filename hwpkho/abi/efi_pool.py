"""Pool memory of EDK2's firmware: what stands behind an allocation tells its length.

An allocation is a POOL_HEAD, the caller's bytes, and a POOL_TAIL of the signature ``ptal`` (8 bytes
with padding) and the length of it all. Source: MdeModulePkg/Core/Dxe/Mem/Pool.c; measured on OVMF
and AAVMF: the length is that of the caller's bytes, rounded up to 8, plus 0x28.
"""

from __future__ import annotations

import struct

from hwpkho.base.addresses import align_up

#: Bytes of a tail.
TAIL = 16
_SIGNATURE = b"ptal"
_AROUND = 0x28


def tail_at(size: int) -> int:
    """Return the offset of the tail behind ``size`` bytes of the caller's."""
    return align_up(size, 8)


def is_tail(raw: bytes | memoryview, size: int) -> bool:
    """Tell whether ``raw``, 16 bytes, is the tail of an allocation of ``size`` bytes."""
    if len(raw) != TAIL or bytes(raw[:4]) != _SIGNATURE:
        return False
    (length,) = struct.unpack_from("<Q", raw, 8)
    return bool(length == align_up(size, 8) + _AROUND)


def build_tail(size: int) -> bytes:
    """Return the tail of an allocation of ``size`` bytes."""
    return struct.pack("<4s4xQ", _SIGNATURE, align_up(size, 8) + _AROUND)
