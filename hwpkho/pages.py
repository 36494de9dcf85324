"""Page and frame arithmetic, and lists of PFNs as runs.

PFN: page frame number, physical address >> page shift. All run ends are inclusive.
"""

from __future__ import annotations

from array import array
from itertools import compress, islice
from operator import lt, sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The page sizes (bytes) of the kernels that have KHO: arm64 has all three, x86-64 the first.
PAGE_SIZES = (4096, 16384, 65536)

#: One past the largest physical address.
PHYS_END = 1 << 64


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
    """Yield ``(first, last)``, last inclusive, of an ascending sequence; repeats are folded."""
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


def split_runs(pfns: array[int]) -> tuple[array[int], array[int]]:
    """Return the first and the last PFN of each run of ``pfns``, ascending and distinct.

    As :func:`runs`, in a few passes in C: a scattered list has as many runs as pages.
    """
    if not pfns:
        return array("Q"), array("Q")
    rest = pfns[1:]
    gaps = bytes(map((1).__ne__, map(sub, rest, pfns)))
    first, last = array("Q", pfns[:1]), array("Q")
    if gaps.count(1) > len(gaps) >> 4:
        first.extend(compress(rest, gaps))
        last.extend(compress(pfns, gaps))
    else:
        at = gaps.find(1)
        while at >= 0:
            first.append(rest[at])
            last.append(pfns[at])
            at = gaps.find(1, at + 1)
    last.append(pfns[-1])
    return first, last


def sorted_unique(pfns: Iterable[int]) -> array[int]:
    """Return the distinct values of ``pfns`` in ascending order as ``array('Q')``.

    An array that is so already is returned itself.
    """
    given = pfns if isinstance(pfns, array) else array("Q", pfns)
    if all(map(lt, given, islice(given, 1, None))):
        return given
    # Sorted first, because kernels' lists hold long runs and hardly any repetition.
    ordered = array("Q", sorted(given))
    rest = ordered[1:]
    if 0 not in map(sub, rest, ordered):
        return ordered
    return array("Q", (ordered[0], *compress(rest, map(sub, rest, ordered))))


def human_bytes(size: int) -> str:
    """Return a size in bytes as the kernel would say it, e.g. ``16 MiB`` or ``353 B``."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >> shift:
            value = size / (1 << shift)
            return f"{value:.0f} {unit}" if value == int(value) else f"{value:.1f} {unit}"
    return f"{size} B"
