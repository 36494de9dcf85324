"""Fast readers of boot settings as hwpkho writes them; a file may have a million.

They return columns, or None for any other spelling, which
:mod:`hwpkho.badpages.boot_settings` then reads word by word.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import reduce
from itertools import repeat
from operator import add, and_, lshift, or_, rshift, sub
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.patterns import PatternError, pattern
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.late import late

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The most ranges that patterns may expand to here.
_MOST = 1 << 21
#: Matches one item: an expression for a million items would take memory for each.
_MEMMAP = late(r"[1-9][0-9]{0,14}K\$0x[0-9a-f]{1,16}")
_BADRAM = late(r"(?:0[xX])?[0-9a-fA-F]{1,16}")
_NUMBER = r"(0x[0-9a-f]{1,16}|[1-9][0-9]{0,18})([KMGT]?)"
_CUTMEM = late(f"cutmem {_NUMBER} {_NUMBER}")
_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class Columns(NamedTuple):
    """First and last PFN, inclusive, of several ranges."""

    first: array[int]
    last: array[int]


def memmap(value: str, shift: int) -> Columns | None:
    """Return the pages (of ``1 << shift`` bytes) of ``SIZEK$0xADDR,…``, or None."""
    if not all(map(_MEMMAP.fullmatch, value.split(","))):
        return None
    words = value.replace("$", ",").split(",")
    kib = map(int, map(str.rstrip, words[::2], repeat("K")))
    size = list(map(lshift, kib, repeat(10)))
    start = list(map(int, words[1::2], repeat(16)))
    return pages(start, list(map(add, start, size)), shift)


def cutmem(line: str) -> tuple[int, int] | None:
    """Return start and end (exclusive), bytes, of a line that is ``cutmem FROM TO``, or None."""
    match = _CUTMEM.fullmatch(line)
    if match is None:
        return None
    start, unit, end, end_unit = match.groups()
    low = int(start, 16 if start[0] == "0" else 10)
    past = int(end, 16 if end[0] == "0" else 10)
    if unit or end_unit:
        low, past = low << _SHIFTS[unit], past << _SHIFTS[end_unit]
    return (low, past) if low < past <= PHYS_END else None


def pages(start: Sequence[int], end: Sequence[int], shift: int) -> Columns | None:
    """Return the pages of ranges of bytes, ends exclusive; None where one is not whole pages."""
    unaligned = (reduce(or_, start, 0) | reduce(or_, end, 0)) & ((1 << shift) - 1)
    if unaligned or max(end, default=0) > PHYS_END:
        return None
    first = array("Q", map(rshift, start, repeat(shift)))
    return Columns(first, array("Q", map(sub, map(rshift, end, repeat(shift)), repeat(1))))


def badram(value: str, shift: int) -> Columns | None:
    """Return the pages that patterns match; None if a mask lacks its high bits."""
    words = value.split(",")
    if len(words) % 2 or not all(map(_BADRAM.fullmatch, words)):
        return None
    found = Columns(array("Q"), array("Q"))
    by_mask: dict[str, list[str]] = defaultdict(list)
    for address, word in zip(words[::2], words[1::2], strict=True):
        by_mask[word].append(address)
    for word, addresses in by_mask.items():
        mask = int(word, 16)
        try:
            shape = pattern(0, mask, shift)
        except PatternError:
            return None
        more = len(addresses) << shape.holes.bit_count()
        if shape.below is not None or len(found.first) + more > _MOST:
            return None
        numbers = map(rshift, map(int, addresses, repeat(16)), repeat(shift))
        base = list(map(and_, numbers, repeat(mask >> shift)))
        for first, last in shape.runs():
            found.first.extend(map(add, base, repeat(first)))
            found.last.extend(map(add, base, repeat(last)))
    return found
