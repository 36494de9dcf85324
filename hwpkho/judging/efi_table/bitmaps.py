"""Generations b, c1, c2, d1 and d2: a header that is checked, and a bitmap.

The checks are in the kernels' order; the first that fails decides. b reserves each unit in
memblock before memblock may grow its arrays; c walks the pages of its units up to max_pfn, after
memblock has given memory to the buddy allocator; d adds the table's own range to memory, and the
allocator looks each page up in the bitmap.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.efi_poisoned import VERSION, bitmap_layout, bits
from hwpkho.base.addresses import PHYS_END, align_down, align_up
from hwpkho.base.ranges import intersection
from hwpkho.codes import efi_kernel
from hwpkho.judging.efi_table.model import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.abi.efi_poisoned import Header
    from hwpkho.base.ranges import Range
    from hwpkho.judging.efi_table.memory import EarlyMemory, Pieces
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Exclusion

#: Bytes of the version field: a kernel reads no more of a table with another version.
_FIRST = 4
_MALFORMED = "efi: Ignoring malformed poisoned-memory table"


class BitmapGeneration(NamedTuple):
    """A generation with a bitmap.

    Attributes:
        about: What it is, in a few words.
        layout: The layout that it reads and writes.
        words: Whether the size must be a multiple of 8.
        overflow: Whether units that reach 2^64 are refused.
        aligned: Whether phys_base must be a multiple of the unit.
        footprint: Whether the table must end before the last page of the address space.
        adds: Whether the table's range is added to memory and reserved.
        clips: Whether it ignores bits past max_pfn.
        early: Whether it reserves each unit in memblock before memblock may grow its arrays.
        exclusion: How it excludes pages under a set unit from use.
    """

    about: str
    layout: str
    words: bool = True
    overflow: bool = True
    aligned: bool = True
    footprint: bool = False
    adds: bool = False
    clips: bool = False
    early: bool = False
    exclusion: Exclusion = "reserved"

    def read(self, phys: int, memory: EarlyMemory, kernel: NextKernel) -> Reading:
        """See :meth:`.model.Generation.read`."""
        layout = bitmap_layout(self.layout)
        # Address 0 is an empty entry of the configuration table; a kernel that reads page 0 all
        # the same finds version 0.
        first = memory.read(phys, _FIRST) if phys else b""
        header = layout.parse(first.ljust(layout.HEAD, b"\0"))
        if header.version == VERSION:
            header = layout.parse(memory.read(phys, layout.HEAD))
        refused = self.refuses(header, phys, kernel.page_size)
        if refused is not None:
            return Reading("ignored", refused, efi_kernel.IGNORED)
        whole = layout.HEAD + header.size
        end = min(align_up(phys + whole, kernel.page_size), PHYS_END)
        own = [(align_down(phys, kernel.page_size), end)] if self.early or self.adds else []
        if self.adds and kernel.frames is not None:
            structs = (end - own[0][0]) // kernel.page_size * kernel.struct_page
            ram = kernel.ram_pages() * kernel.page_size
            if structs > ram:
                words = (
                    f"panic: the struct pages of the {header.size} bytes that it adds take "
                    f"{structs} bytes, RAM has {ram}"
                )
                return Reading("crash", words, efi_kernel.FOOTPRINT)
        seen = self._bytes_read(header, kernel)
        if self.early or self.clips:  # d reads single bits, and those of existing memory only
            memory.check(min(phys + layout.HEAD + seen, PHYS_END) - 1)
        found = memory.pieces(phys + layout.HEAD, seen)
        units = sum(bits.count(raw) for _, raw in found.known)
        base, unit = header.phys_base, header.unit_size
        last = min(header.end, PHYS_END)
        bad = partial(_bad, found, base, unit, last)
        unknown = [(base + a * 8 * unit, base + b * 8 * unit) for a, b in found.missing]
        hidden = sum(b - a for a, b in found.missing) * 8
        reading = Reading(
            "accepted", "no message", None, units, bad, own, unknown, hidden, (base, last)
        )
        return reading._replace(reason=self._message(reading, header, kernel))

    def refuses(self, header: Header, phys: int, page_size: int) -> str | None:
        """Return the kernel's message where it refuses the header, None where it takes it.

        ``phys`` is the address of the table, ``page_size`` in bytes.
        """
        if header.version != VERSION:
            return f"efi: Ignoring poisoned-memory table with version {header.version}"
        unit, size = header.unit_size, header.size
        whole = bitmap_layout(self.layout).HEAD + size
        malformed = (
            not size
            or (self.words and size % 8)
            or unit < page_size
            or unit & (unit - 1)
            or (self.aligned and header.phys_base % unit)
            or size >> 61
            or (self.overflow and header.end >= PHYS_END)
            or (self.footprint and phys + whole > PHYS_END - page_size)
        )
        return _MALFORMED if malformed else None

    def _bytes_read(self, header: Header, kernel: NextKernel) -> int:
        """Return how many bytes of the bitmap the kernel reads; without a memory map, all."""
        if not self.clips or kernel.frames is None:
            return header.size
        end = max((last + 1 for _, last in kernel.ram()), default=0) * kernel.page_size
        units = -(-end // header.unit_size)
        return min(header.size, align_up(-(-units // 8), 8))

    def _message(self, reading: Reading, header: Header, kernel: NextKernel) -> str:
        """Return the kernel's message on a table that it takes."""
        if not reading.units:
            return "no message"
        more = "at least " if reading.hidden else ""
        if self.early:
            each = header.unit_size >> 10
            return (
                f"efi: reserved {more}{reading.units} poisoned unit(s) ({each}K each) inherited "
                "across kexec"
            )
        if self.exclusion != "flagged" or kernel.frames is None:
            return "no message"
        size = kernel.page_size
        sections = [(a * size, (b + 1) * size) for a, b in kernel.sections(unmapped=True)]
        taken = sum(b - a for a, b in intersection(reading.bad(), sections)) // size
        left = sum(b - a for a, b in reading.bad()) // size - taken
        words = [f"{more}{taken} page(s) inherited across kexec"] if taken else []
        kept = f"{more}{left} inherited poisoned page(s) could not be taken out of use"
        return "efi: " + "; ".join([*(f"poisoned {w}" for w in words), *([kept] if left else [])])


def _bad(found: Pieces, base: int, unit: int, last: int) -> Iterator[Range]:
    """Yield the byte ranges of set units, ends exclusive, up to ``last``; see :class:`Reading`."""
    for first, past in _runs(found):
        start = base + first * unit
        if start >= last:
            return
        yield start, min(base + past * unit, last)


def _runs(found: Pieces) -> Iterator[Range]:
    """Yield runs of set units, ends exclusive; a run across two pieces comes as two."""
    for offset, raw in found.known:
        for first, end in bits.ranges(raw):
            yield first + offset * 8, end + offset * 8


B = BitmapGeneration(
    "the second posting: a bitmap, each unit reserved early", "bitmap-base", words=False, early=True
)
C1 = BitmapGeneration(
    "the third, first form: a bitmap without a base", "bitmap", words=False, aligned=False,
    clips=True, exclusion="flagged",
)  # fmt: skip
C2 = BitmapGeneration(
    "the third, second form: whole words, pages offlined at boot", "bitmap", aligned=False,
    clips=True, exclusion="flagged",
)  # fmt: skip
D1 = BitmapGeneration(
    "the fourth, first form: a bitmap with a base, asked by the allocator", "bitmap-base",
    overflow=False, footprint=True, adds=True,
)  # fmt: skip
D2 = BitmapGeneration(
    "the fourth, second form: one check fewer", "bitmap-base", overflow=False, adds=True
)
