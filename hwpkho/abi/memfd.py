"""A memfd that LUO preserves: ``struct memfd_luo_ser``, and the array of its folios.

The array is a preserved vmalloc area with 16 bytes a folio and just as many pages as it needs. It
does not record the folios' orders; only the tracker does.

Source: include/linux/kho/abi/memfd.h and mm/memfd_luo.c (Linux 7.3.4).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span
from hwpkho.abi.vmalloc import KNOWN_FLAGS, KhoVmalloc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMPATIBLE = "memfd-v2"
#: Bytes of the structure, and of a folio in the array.
SIZE, FOLIO = 48, 16
#: Offsets of its fields size, seals, nr_folios and folios, bytes.
FILE_SIZE, SEALS_AT, NR_FOLIOS, AREA = 8, 16, 24, 32
#: A folio's first word: PFN in the low bits, flags above. The kernel always sets the two flags.
PFN_BITS = 52
DIRTY, UPTODATE = 1, 2
#: All known seals (F_SEAL_SEAL to F_SEAL_EXEC); the kernel refuses others.
SEALS = 0x3F
#: All fields but the first.
_QUICK = struct.Struct("<8xQ2I2QI2H")
#: The most pages of a file.
MAX_PAGES = (1 << 32) - 1


class MemfdSer(NamedTuple):
    """``struct memfd_luo_ser``.

    Attributes:
        pos: The file position, bytes.
        size: Size of the file, bytes.
        seals: F_SEAL_* bits.
        flags: Reserved; the kernel writes 0.
        nr_folios: Number of entries of the array.
        folios: The vmalloc area that holds the array.
    """

    pos: int
    size: int
    seals: int
    flags: int
    nr_folios: int
    folios: KhoVmalloc

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> MemfdSer:
        """Read it from 48 bytes; ValueError for any other length."""
        from hwpkho.abi import headers

        h = headers.parse(headers.MEMFD_LUO, raw)
        v = h.folios
        area = KhoVmalloc(v.first, v.total_pages, v.flags, v.order)
        return cls(h.pos, h.size, h.seals, h.flags, h.nr_folios, area)

    def build(self) -> bytes:
        """Return its 48 bytes."""
        from hwpkho.abi import headers

        return headers.build(
            headers.MEMFD_LUO,
            pos=self.pos,
            size=self.size,
            seals=self.seals,
            flags=self.flags,
            nr_folios=self.nr_folios,
            folios=self.folios._asdict(),
        )

    def capacity(self, page_size: int) -> int:
        """Return how many folios the area has room for; ``page_size`` in bytes."""
        return self.folios.total_pages * page_size // FOLIO

    def flaw(self, page_size: int) -> tuple[str, int] | None:
        """Return why the kernel refuses the file, and the offset in bytes of the field at fault.

        None where it does not refuse it. ``page_size`` in bytes.
        """
        if self.seals & ~SEALS:
            return f"seals 0x{self.seals:x}, known are 0x{SEALS:x}", SEALS_AT
        if -(-self.size // page_size) > MAX_PAGES:
            return f"size {self.size} bytes is more than {MAX_PAGES} pages", FILE_SIZE
        return None

    def spans(self) -> list[Span]:
        """Return the parts of the structure, for ``decode --annotate``."""
        v = self.folios
        return [
            Span(0, 8, f"pos {self.pos}"),
            Span(8, 8, f"size {self.size}"),
            Span(16, 4, f"seals 0x{self.seals:x}"),
            Span(20, 4, f"flags 0x{self.flags:x}"),
            Span(24, 8, f"nr_folios {self.nr_folios}"),
            Span(AREA, 8, f"folios.first 0x{v.first:x}"),
            Span(AREA + 8, 4, f"folios.total_pages {v.total_pages}"),
            Span(AREA + 12, 2, f"folios.flags 0x{v.flags:x}"),
            Span(AREA + 14, 2, f"folios.order {v.order}"),
        ]


def array_of(raw: bytes | memoryview, at: int, page_size: int) -> int | None:
    """Return ``folios.first`` of the structure at byte ``at``, None where there cannot be one.

    A fast test for millions of pages. A structure that a kernel wrote has no unknown flags or
    seals, at least one folio, and an area of just as many pages as its folios need.
    """
    size, seals, flags, count, first, pages, of_array, order = _QUICK.unpack_from(raw, at)
    if flags or order or not count or seals & ~SEALS or of_array & ~KNOWN_FLAGS:
        return None
    if pages != -(-count * FOLIO // page_size) or -(-size // page_size) > MAX_PAGES:
        return None
    return first or None


def split_word(word: int) -> tuple[int, int]:
    """Return the PFN and the flags of a folio's first word."""
    return word & (1 << PFN_BITS) - 1, word >> PFN_BITS


def folios(entries: bytes) -> Iterator[tuple[int, int]]:
    """Yield the two words of each folio, ``(PFN and flags, index)``, of whole entries."""
    return struct.iter_unpack("<2Q", entries)


def build_folios(folios: Iterable[tuple[int, int, int]]) -> bytes:
    """Return the array of folios ``(pfn, index, flags)``; ``index`` in pages of the file."""
    return b"".join(
        struct.pack("<2Q", pfn | flags << PFN_BITS, index) for pfn, index, flags in folios
    )
