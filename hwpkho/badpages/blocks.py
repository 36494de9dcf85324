"""Covers a set of pages with few address-and-mask patterns.

It begins with naturally aligned blocks. Two blocks with the same free bits that differ in exactly
one other bit are joined: that bit becomes free, too. The order in which bits are tried affects how
many blocks are left, so short lists are tried from the lowest bit up and from the highest down. It
ends when no two blocks can be joined without exceeding ``MAX_HOLES``.
"""

from __future__ import annotations

from array import array
from functools import reduce
from itertools import compress, repeat
from operator import and_, eq, or_
from typing import TYPE_CHECKING

from hwpkho.badpages.patterns import MAX_HOLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.base.pfnset import PfnSet

#: Up to so many blocks both orders are tried; for more, only the faster one.
_FEW = 1 << 12
#: Free bits → the first PFN of each block.
_Found = dict[int, set[int]]


def block_runs(first: int, free: int) -> Iterator[tuple[int, int]]:
    """Yield the runs ``(first, last)`` of PFNs, inclusive, of a block of :func:`blocks`."""
    run = (free + 1) & ~free
    holes, bits = free & -run, 0
    while True:
        yield first | bits, first | bits | run - 1
        bits = (bits - holes) & holes
        if not bits:
            return


def blocks(pages: PfnSet) -> dict[int, list[int]]:
    """Return disjoint blocks that cover exactly ``pages``: free bits → first PFNs, ascending.

    A block contains every PFN that agrees with its first one in all bits but the free ones. There
    are never more blocks than naturally aligned ones. O(n log n), as n blocks differ in few bits.
    """
    aligned = _aligned(pages)
    if not aligned:
        return {}
    varying = reduce(or_, map(reduce, repeat(or_), aligned.values()))
    varying &= ~reduce(and_, map(reduce, repeat(and_), aligned.values()))
    bits = [1 << place for place in range(varying.bit_length()) if varying >> place & 1]
    found = _bit_by_bit(aligned, bits)
    if sum(map(len, aligned.values())) <= _FEW:
        other = _bit_by_bit(aligned, bits[::-1])
        found = min(found, other, key=lambda x: sum(map(len, x.values())))
    return {free: sorted(found[free]) for free in sorted(found) if found[free]}


def _bit_by_bit(aligned: dict[int, array[int]], bits: Iterable[int]) -> _Found:
    """Join blocks that differ in the first of ``bits``, then in the next, until none are left."""
    found = {free: set(column) for free, column in aligned.items()}
    # Iterating over an array in the set's own order is faster; stale items do no harm.
    columns = {free: array("Q", held) for free, held in found.items()}
    bits = list(bits)
    joined = True
    while joined:
        joined = False
        for bit in bits:
            for free in list(found):
                held, column = found[free], columns[free]
                if free & bit or len(held) < 2 or _holes(free | bit) > MAX_HOLES:
                    continue
                partners = held.intersection(map(bit.__xor__, column))
                low = {first for first in partners if not first & bit and first | bit in held}
                if not low:
                    continue
                held -= low
                held.difference_update(map(bit.__or__, low))
                if 2 * len(held) < len(column):
                    columns[free] = array("Q", held)
                found.setdefault(free | bit, set()).update(low)
                columns[free | bit] = array("Q", found[free | bit])
                joined = True
        # In ascending order one pass is enough: joining never makes a lower bit joinable.
        joined = joined and bits[0] > bits[-1]
    return found


def _holes(free: int) -> int:
    return (free & ~(free ^ (free + 1))).bit_count()


def _aligned(pages: PfnSet) -> dict[int, array[int]]:
    """Split ``pages`` into the largest naturally aligned blocks: size - 1 → first PFNs."""
    single = bytes(map(eq, pages.first, pages.last))
    found = {0: array("Q", compress(pages.first, single))} if any(single) else {}
    longer = compress(pages, single.translate(bytes((1, 0)) + bytes(254)))
    for first, last in longer:
        at = first
        while at <= last:
            room = last - at + 1
            size = min(at & -at or room, 1 << room.bit_length() - 1)
            found.setdefault(size - 1, array("Q")).append(at)
            at += size
    return found
