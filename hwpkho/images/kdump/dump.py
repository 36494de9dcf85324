"""kdump-compressed memory images: makedumpfile -c/-l/-p/-z, QEMU dump-guest-memory -z/-l/-s.

Source: makedumpfile IMPLEMENTATION and diskdump_mod.h (page_desc_t); crash diskdump.c; QEMU
dump/dump.c. A page that was filtered out is absent; whether it was filtered because it was zero
is not recorded. Zero pages that were not filtered share the data of one descriptor.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain
from typing import TYPE_CHECKING

from hwpkho.base.addresses import page_shift
from hwpkho.base.escape import printable
from hwpkho.base.ranges import joined, touches
from hwpkho.errors import InputError
from hwpkho.images import elf
from hwpkho.images.base import Source
from hwpkho.images.kdump import flattened
from hwpkho.images.kdump.header import MAGIC, OLD_MAGIC, read_header
from hwpkho.images.kdump.pages import Pages
from hwpkho.images.kdump.search import search, search_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.images.files import FileBytes

_CACHED_PAGES = 64


def sniff(file: FileBytes) -> bool:
    """Tell whether the file begins with the magic of a kdump-compressed image (not flattened)."""
    return bytes(file.read(0, len(MAGIC))) in (MAGIC, OLD_MAGIC)


def open_kdump(file: FileBytes) -> KdumpSource:
    """Open a kdump-compressed image, plain or a view of a flattened one.

    Raises InputError where a header is invalid or the bitmaps are not completely in the file.
    """
    return KdumpSource(file)


def open_dump(file: FileBytes) -> Source:
    """Open a kdump-compressed image, or a flattened file that holds one or an ELF core.

    Raises InputError where it is none of these, or is damaged.
    """
    if not flattened.sniff(file):
        return open_kdump(file)
    inner = flattened.unflatten(file)
    if inner.size and next(inner.data_ranges())[0] == 0:
        if sniff(inner):
            return open_kdump(inner)
        if elf.sniff(inner):
            core = elf.open_elf(inner)
            core.problems = [*inner.problems, *core.problems]
            core.partial |= bool(inner.problems)
            return core
    raise InputError(f"{printable(file.path)}: the flattened file holds neither a kdump nor an ELF")


class KdumpSource(Source):
    """A kdump-compressed image; pages are decompressed when they are read.

    ``problems`` may grow while the image is read: a missing or damaged page is noticed only then.
    """

    def __init__(self, file: FileBytes) -> None:
        """Read the headers and count the bitmap; see :func:`open_kdump`."""
        header = read_header(file)
        self.name = printable(file.path)
        self.arch = header.arch
        self.vmcoreinfo = header.vmcoreinfo
        self.page_size_hint = header.page_size
        self.nodename = header.nodename
        self.taken_at = header.seconds or None
        self.elsewhere = header.elsewhere
        self._file = file
        self._pages = Pages(file, header)
        self.problems, self.partial = self._pages.problems, bool(self._pages.problems)
        self._block_size = header.block_size
        self._shift = page_shift(header.block_size)
        self._cache: OrderedDict[int, memoryview | None] = OrderedDict()

    def close(self) -> None:
        """Close the file."""
        self._cache.clear()
        self._file.close()

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`."""
        if phys < 0 or size < 0:
            return None
        skip = phys & (self._block_size - 1)
        page = self._page(phys >> self._shift)
        if page is None or skip + size <= self._block_size:
            return None if page is None else page[skip : skip + size]
        parts = bytearray(page[skip:])
        for pfn in range((phys >> self._shift) + 1, ((phys + size - 1) >> self._shift) + 1):
            page = self._page(pfn)
            if page is None:
                return None
            parts += page[: size - len(parts)]
        return memoryview(parts).toreadonly()

    def _page(self, pfn: int) -> memoryview | None:
        if pfn in self._cache:
            self._cache.move_to_end(pfn)
            return self._cache[pfn]
        page = self._cache[pfn] = self._pages.read(pfn)
        if len(self._cache) > _CACHED_PAGES:
            self._cache.popitem(last=False)
        return page

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`.

        From the bitmap and the holes of the file; a page that is cut off or marked as not written
        is noticed only when it is read.
        """
        runs = (self._pages.bitmap.runs(*ranks) for ranks in self._pages.described)
        for first, end in joined(chain.from_iterable(runs)):
            yield first << self._shift, (end - first) << self._shift

    def holds(self, phys: int, size: int) -> bool:
        """See :meth:`Source.holds`; as for :meth:`extents`."""
        before = self._pages.bitmap.before
        low = before(phys >> self._shift)
        high = before((phys + size + self._block_size - 1) >> self._shift)
        return low < high and touches(self._pages.described, low, high)

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`.

        Where the kernel's page size is known (``page_size_hint``), only its multiples are looked
        at, and only the start of each page is decompressed. Damaged pages are skipped and reported
        in ``problems``.
        """
        return search(self._pages, magics)

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`; every page is decompressed, damaged ones are skipped."""
        return search_words(self._pages, word)
