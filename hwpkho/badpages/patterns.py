"""BadRAM patterns, an address and a mask: which pages they match.

An address x matches if ``x & mask == address & mask``. A mask is as wide as its highest set bit, 32
bits at least; bits above are unknown, not free.

Source: GRUB's grub-core/mmap/mmap.c (fill_mask, badram_iter); memtest86+'s app/badram.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: GRUB ignores the mask's bits below this, bytes.
CHUNK = 0x400
#: The most address lines of any processor.
_LINES = 52
#: The most zero bits above the lowest set bit of a mask: each doubles the number of ranges.
MAX_HOLES = 16


class PatternError(ValueError):
    """A pattern that names no pages, or implausibly many."""


class Pattern(NamedTuple):
    """The pages that a pattern matches.

    Attributes:
        first: The lowest PFN.
        run: Length of each run of contiguous pages, 1 at least.
        holes: The free bits of a PFN above those of the run.
        below: Number of address bits that the mask covers; None where it covers all.
    """

    first: int
    run: int
    holes: int
    below: int | None

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield the runs of PFNs, ``(first, last)``, inclusive, ascending."""
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
    """Return the pages of ``1 << shift`` bytes that match.

    Raises PatternError for a mask that matches everything, or has more than ``MAX_HOLES`` holes.
    """
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
