"""Page and frame arithmetic, and runs of PFNs.

PFN: page frame number, physical address >> page shift. All run ends are inclusive.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: One past the largest physical address.
PHYS_END = 1 << 64

#: The page size (bytes) that is assumed where nothing records it.
DEFAULT_PAGE_SIZE = 4096


def page_shift(page_size: int) -> int:
    """Return log2 of a page size in bytes."""
    return page_size.bit_length() - 1


def align_down(value: int, size: int) -> int:
    """Return the largest multiple of ``size`` (a power of two) not above ``value``."""
    return value & ~(size - 1)


def align_up(value: int, size: int) -> int:
    """Return the smallest multiple of ``size`` (a power of two) not below ``value``."""
    return (value + size - 1) & ~(size - 1)


def runs(sorted_pfns: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield each run ``(first, last)``, last inclusive, of ascending PFNs; repeats are folded."""
    it = iter(sorted_pfns)
    first = last = next(it, -1)
    if first < 0:
        return
    for pfn in it:
        if pfn <= last + 1:
            last = max(last, pfn)
        else:
            yield first, last
            first = last = pfn
    yield first, last


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@lru_cache(maxsize=1024)  # a map repeats a few sizes thousands of times
def human_bytes(size: int) -> str:
    """Return a size in bytes as text with a binary unit: ``16 MiB``, ``1.5 GiB``, ``353 B``."""
    step = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    value = size / (1 << 10 * step)
    return f"{value:.0f} {_UNITS[step]}" if value.is_integer() else f"{value:.1f} {_UNITS[step]}"
