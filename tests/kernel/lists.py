"""Lists of PFNs for the guests, and the checksum that the module prints of long ones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Above this many the module prints a checksum instead of the PFNs.
PRINT_MAX = 2000


def scattered(count: int, start: int, end: int, page_size: int, seed: int = 6) -> list[int]:
    """Return ``count`` distinct PFNs of ``[start, end)`` (physical, bytes) in no order."""
    return random.Random(seed).sample(range(start // page_size, end // page_size), count)


def checksum(pfns: Iterable[int]) -> int:
    """FNV-1a over 64-bit words."""
    total = 0xCBF29CE484222325
    for pfn in pfns:
        total = ((total ^ pfn) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return total


def text(pfns: Iterable[int]) -> str:
    """Return a list as hwpkho reads it."""
    return "".join(f"0x{pfn:x}\n" for pfn in pfns)
