"""Address and mask: which pages a BadRAM pattern matches.

An address x matches where ``x & mask == address & mask``. A mask is as wide as its highest bit, 32
bits at least: what stands above is unknown, not free.

Source: GRUB's grub-core/mmap/mmap.c (fill_mask, badram_iter); memtest86+'s app/badram.c.
"""

from __future__ import annotations

from array import array
from functools import reduce
from itertools import compress, repeat
from operator import and_, eq, or_
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet

#: GRUB drops the mask's bits below this, bytes: smaller pieces are not worth a range.
CHUNK = 0x400
#: No processor has more address lines.
_LINES = 52
#: Zero bits above the lowest set bit of a mask: each doubles the ranges.
MAX_HOLES = 16


class PatternError(ValueError):
    """A pattern that names no pages, or as many as nobody means."""


class Pattern(NamedTuple):
    """The pages that a pattern matches.

    Attributes:
        first: The lowest PFN.
        run: So many pages follow each other, 1 at least.
        holes: The bits of a PFN that may have either value, above those of the run.
        below: The mask says nothing above 2^below bytes, None where it says all.
    """

    first: int
    run: int
    holes: int
    below: int | None

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield ``(first, last)``, inclusive, ascending."""
        bits = 0
        while True:
            first = self.first | bits
            yield first, first + self.run - 1
            bits = (bits - self.holes) & self.holes
            if not bits:
                return

    @property
    def pages(self) -> int:
        """How many pages match."""
        return self.run << self.holes.bit_count()


def pattern(address: int, mask: int, shift: int) -> Pattern:
    """Return what matches in pages of ``1 << shift`` bytes. Raises PatternError."""
    if not mask & -CHUNK:
        raise PatternError("the mask fits every address")
    width = max(32, mask.bit_length())
    fixed = mask >> shift
    if not fixed:
        raise PatternError("the mask fits a part of every page")
    run = fixed & -fixed
    holes = ((1 << (width - shift)) - 1) & ~fixed & -run
    if holes.bit_count() > MAX_HOLES:
        raise PatternError(
            f"the mask has {holes.bit_count()} zero bits above its lowest set bit: 2 to the power "
            f"of that many ranges; at most {MAX_HOLES} are read"
        )
    first = (address >> shift) & fixed
    return Pattern(first, run, holes, width if width < _LINES else None)


def block_runs(first: int, free: int) -> Iterator[tuple[int, int]]:
    """Yield ``(first, last)``, inclusive, of a block as :func:`blocks` has it, ascending."""
    run = (free + 1) & ~free
    holes, bits = free & -run, 0
    while True:
        yield first | bits, first | bits | run - 1
        bits = (bits - holes) & holes
        if not bits:
            return


def blocks(pages: PfnSet) -> dict[int, int]:
    """Return disjoint blocks that hold exactly ``pages``: the first PFN of each → its free bits.

    A block's pages agree but for the free bits, of which every combination is among them. They
    begin as the aligned blocks of sizes that are powers of two; then, bit by bit from the lowest,
    two are joined that have the same free bits and differ in that one. No two are left that could
    be joined, unless that made more than :data:`MAX_HOLES` holes. Ascending. O(n log n), as n
    blocks differ in few bits.
    """
    found = {free: set(column) for free, column in _aligned(pages).items()}
    if not found:
        return {}
    varying = reduce(or_, map(reduce, repeat(or_), found.values()))
    varying &= ~reduce(and_, map(reduce, repeat(and_), found.values()))
    # A set is gone through faster as an array in its own order; what is stale does no harm.
    columns = {free: array("Q", held) for free, held in found.items()}
    for place in range(varying.bit_length()):
        bit = 1 << place
        if not varying & bit:
            continue
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
    every = {first: free for free, held in found.items() for first in held}
    return {first: every[first] for first in sorted(every)}


def _holes(free: int) -> int:
    return (free & ~(free ^ (free + 1))).bit_count()


def _aligned(pages: PfnSet) -> dict[int, array[int]]:
    """Return the largest blocks that begin at a multiple of their size: size - 1 → first PFNs."""
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
