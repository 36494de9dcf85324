"""Address and mask: which pages a BadRAM pattern matches.

An address x matches where ``x & mask == address & mask``. A mask is as wide as its highest bit, 32
bits at least: what stands above is unknown, not free.

Source: GRUB's grub-core/mmap/mmap.c (fill_mask, badram_iter); memtest86+'s app/badram.c.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
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


class Block(NamedTuple):
    """Pages whose numbers agree but for some bits, of which every combination is among them.

    Attributes:
        first: The lowest PFN; its free bits are 0.
        free: The bits of a PFN that may have either value.
    """

    first: int
    free: int

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield ``(first, last)``, inclusive, ascending."""
        run = (self.free + 1) & ~self.free
        holes, bits = self.free & -run, 0
        while True:
            yield self.first | bits, self.first | bits | run - 1
            bits = (bits - holes) & holes
            if not bits:
                return


def blocks(pages: PfnSet) -> list[Block]:
    """Return disjoint blocks that hold exactly ``pages``, ascending.

    The aligned blocks of sizes that are powers of two, joined where two have the same free bits and
    differ in one other: bit by bit from the lowest, so no two are left that could be joined.
    O(n log n), as n blocks have few bits in which they differ.
    """
    found: dict[int, set[int]] = {}
    for first, size in _aligned(pages):
        found.setdefault(size - 1, set()).add(first)
    if not found:
        return []
    everything = [reduce(how, (reduce(how, x) for x in found.values())) for how in (or_, and_)]
    varying = everything[0] ^ everything[1]
    for place in range(varying.bit_length()):
        bit = 1 << place
        if not varying & bit:
            continue
        for free in list(found):
            held = found[free]
            if free & bit or len(held) < 2:
                continue
            pairs = held.intersection(map(bit.__xor__, held))
            if pairs:
                held -= pairs
                low = {first for first in pairs if not first & bit}
                found.setdefault(free | bit, set()).update(low)
    return sorted(Block(first, free) for free, held in found.items() for first in held)


def _aligned(pages: PfnSet) -> Iterator[tuple[int, int]]:
    """Yield ``(first, size)`` of the largest blocks that begin at a multiple of their size."""
    for first, last in pages:
        at = first
        while at <= last:
            room = last - at + 1
            size = min(at & -at or room, 1 << room.bit_length() - 1)
            yield at, size
            at += size
