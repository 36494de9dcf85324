"""Address and mask: which pages a BadRAM pattern matches.

An address x matches where ``x & mask == address & mask``. A mask is as wide as its highest bit, 32
bits at least: what stands above is unknown, not free.

Source: GRUB's grub-core/mmap/mmap.c (fill_mask, badram_iter); memtest86+'s app/badram.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: GRUB drops the mask's bits below this, bytes: smaller pieces are not worth a range.
CHUNK = 0x400
#: No processor has more address lines.
_LINES = 52
#: Zero bits above the lowest set bit of a mask: each doubles the ranges.
MAX_HOLES = 16


class PatternError(ValueError):
    """A pattern that names no pages, or implausibly many."""


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
