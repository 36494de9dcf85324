"""A table of poisoned memory as it was read."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import repeat
from operator import add, mul
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.efi_poisoned import ASSUMED, bitmap_layout, bits
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.abi.efi_poisoned import BitmapLayout, Header
    from hwpkho.abi.efi_poisoned.tell import Told
    from hwpkho.codes import Problem
    from hwpkho.efi.find import Entry


#: Ranges of one table that are kept at once: a bitmap of 4 MiB, for 64 TiB, has no more.
MAX_RUNS = 1 << 24


class NodeRead(NamedTuple):
    """A node of a list.

    Attributes:
        phys: Physical address, None where only a file was given.
        room: Entries that it says it has room for.
        used: Entries that it says are used.
        next: Physical address of the next node, 0 for the last.
        read: Entries that were read, those of size 0 (taken back) included.
    """

    phys: int | None
    room: int
    used: int
    next: int
    read: int


@dataclass(frozen=True, slots=True)
class PoisonTable:
    """A table of poisoned memory.

    Attributes:
        source: What it was read from, printable.
        phys: Physical address, None for a file of its own.
        told: The layout, and what shows it.
        entry: The configuration table entry that names it, None if none was looked for.
        header: The header of a bitmap, or of a table of an unknown version; None for a list.
        bitmap: Its bytes, None where the table is refused or they are not all in the image.
        nodes: Nodes of a list in the order of the chain, the root first; None for a bitmap.
        entries: Base and size (bytes) of each entry of a list in turn, in the order of the chain;
            an entry of size 0 was taken back.
        slack: Bytes between the table's end and that of its allocation or file, None where that
            is not known.
        problems: In the order they were found.
        unread_because: The problem that keeps the bad pages unknown; None where they are known.
    """

    source: str
    phys: int | None
    told: Told
    entry: Entry | None = None
    header: Header | None = None
    bitmap: bytes | None = None
    nodes: tuple[NodeRead, ...] | None = None
    entries: array[int] = field(default_factory=lambda: array("Q"))
    slack: int | None = None
    problems: tuple[Problem, ...] = ()
    unread_because: Problem | None = None

    @property
    def layout(self) -> str | None:
        """A name in ``LAYOUTS``, None where no layout fits."""
        return self.told.layout

    @property
    def header_layout(self) -> BitmapLayout | None:
        """The layout in which ``header`` was read, None without a header."""
        return None if self.header is None else bitmap_layout(self.layout or ASSUMED)

    @property
    def phys_base(self) -> int | None:
        """The field of the header, None where its layout lacks it or there is no header."""
        layout, header = self.header_layout, self.header
        return header.phys_base if header and layout and layout.BASED else None

    @property
    def readable(self) -> bool:
        """Whether its bad pages are known."""
        return self.unread_because is None

    @property
    def has_units(self) -> bool:
        """Whether it has a bitmap that could be read; a list of pages has none."""
        return self.header is not None and self.readable

    def units(self) -> int | None:
        """Return how many bits are set, or entries have a size; None where that is not known."""
        if self.bitmap is not None:
            return bits.count(self.bitmap)
        return None if self.nodes is None else sum(map(bool, self.entries[1::2]))

    def set_units(self) -> Iterator[tuple[int, int]]:
        """Yield runs of set units, ``(first, end)``, end exclusive, ascending."""
        return bits.ranges(self.bitmap or b"")

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the byte ranges called bad: ``(start, end)``, end exclusive, ascending, joined.

        A range past 2^64 ends there.
        """
        if self.header is None or self.bitmap is None:
            pairs = zip(self.entries[::2], self.entries[1::2], strict=True)
            yield from union((a, min(a + n, PHYS_END)) for a, n in pairs)
            return
        base, unit = self.header.phys_base, self.header.unit_size
        for first, end in self.set_units():
            start = base + first * unit
            if start >= PHYS_END:
                return
            yield start, min(base + end * unit, PHYS_END)

    @property
    def _whole(self) -> Header | None:
        """The header, if the bitmap was read and none of its units passes 2^64."""
        header = None if self.bitmap is None else self.header
        return header if header is not None and header.end <= PHYS_END else None

    def bad_bytes(self) -> int:
        """Return how many bytes are called bad, each counted once."""
        if self._whole is not None:
            return bits.count(self.bitmap or b"") * self._whole.unit_size
        return sum(end - start for start, end in self.ranges())

    def run_count(self) -> int:
        """Return how many ranges there are; see :meth:`ranges`."""
        if self._whole is not None:
            return bits.run_count(self.bitmap or b"")
        return sum(1 for _ in self.ranges())

    def pages(self, page_size: int) -> Listing:
        """Return the PFNs of all pages of ``page_size`` bytes that a range touches, ascending.

        Raises InputError for more ranges than any table of a real machine has.
        """
        if self.bitmap is not None and (n := bits.run_count(self.bitmap)) > MAX_RUNS:
            raise InputError(f"{self.source}: {n} separate ranges, more than {MAX_RUNS}")
        shift, header = page_shift(page_size), self._whole
        if header is not None and not (header.unit_size | header.phys_base) % page_size:
            first, end = bits.columns(self.bitmap or b"")
            per, base = header.unit_size >> shift, header.phys_base >> shift
            low = array("Q", map(add, map(mul, first, repeat(per)), repeat(base)))
            high = map(add, map(mul, end, repeat(per)), repeat(base - 1))
            return Listing(low, array("Q", high))
        runs = ((start >> shift, end - 1 >> shift) for start, end in self.ranges())
        return pfn_set(of_runs(runs)).listing()  # rounded to pages, ranges may overlap
