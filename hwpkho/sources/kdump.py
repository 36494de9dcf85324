"""kdump-compressed memory images: makedumpfile -c/-l/-p/-z, QEMU dump-guest-memory -z/-l/-s.

Source: makedumpfile IMPLEMENTATION and diskdump_mod.h (page_desc_t); crash diskdump.c; QEMU
dump/dump.c. A page that was left out is absent: pages of zeros that were filtered cannot be told
from others. All pages of zeros that were not filtered share one descriptor's data.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from hwpkho.codes import problem
from hwpkho.codes.image import PAGE_DAMAGED, TRUNCATED
from hwpkho.errors import InputError
from hwpkho.pages import page_shift
from hwpkho.sources import decompress, elf, flattened
from hwpkho.sources.base import Source
from hwpkho.sources.kdump_bitmap import Bitmap
from hwpkho.sources.kdump_header import DESC, INCOMPLETE, MAGIC, OLD_MAGIC, columns, read_header
from hwpkho.sources.kdump_search import DamagedPageError, search
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Problem
    from hwpkho.sources.files import FileBytes

_CACHED_PAGES = 64
#: So many of the last descriptors are looked at to see whether the file was cut off.
_LAST = 4096


def sniff(file: FileBytes) -> bool:
    """Tell whether the file begins as a kdump-compressed image (not flattened)."""
    return bytes(file.read(0, len(MAGIC))) in (MAGIC, OLD_MAGIC)


def open_kdump(file: FileBytes) -> KdumpSource:
    """Open a kdump-compressed image, plain or a view of a flattened one.

    Raises InputError where the headers make no sense or the bitmaps are not all there.
    """
    return KdumpSource(file)


def open_dump(file: FileBytes) -> Source:
    """Open what makedumpfile or QEMU wrote: a kdump, or a flattened kdump or ELF core.

    Raises InputError where it is none of these, or as their own functions do.
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
            return core
    raise InputError(f"{printable(file.path)}: the flattened file holds neither a kdump nor an ELF")


class KdumpSource(Source):
    """Pages of a kdump-compressed image, decompressed when they are read.

    ``problems`` may grow while the image is read: what is cut off shows only then.

    Attributes:
        page_size_hint: The kernel's page size in bytes where the image tells it, else None.
    """

    def __init__(self, file: FileBytes) -> None:
        """Read the headers and count the bitmap; see :func:`open_kdump`."""
        header = read_header(file)
        self.name = printable(file.path)
        self.arch = header.arch
        self.vmcoreinfo = header.vmcoreinfo
        self.page_size_hint = header.page_size
        self.problems: list[Problem] = []
        self._offset_of = "file offset"
        if isinstance(file, flattened.Flattened):
            self.problems += file.problems
            self._offset_of = "offset (after makedumpfile -R)"
        self.file = file
        self.block_size = header.block_size
        self.table = header.table
        self._shift = page_shift(header.block_size)
        self.bitmap = Bitmap(file, header.bitmap, header.first_pfn, header.end_pfn)
        #: Descriptors that the file has room for.
        self.count = min(self.bitmap.total, max(0, file.size - header.table) // DESC.size)
        self._cache: OrderedDict[int, memoryview] = OrderedDict()
        self._missing = False
        if header.incomplete:
            self._note_missing("its writer ran out of space")
        if self.count < self.bitmap.total:
            self._note_missing(
                f"the bitmap announces {self.bitmap.total} pages, the file has room for the "
                f"descriptors of {self.count}"
            )
        self._check_end()

    def _check_end(self) -> None:
        n = min(self.count, _LAST)
        last = self.bytes_at(self.table + (self.count - n) * DESC.size, n * DESC.size)
        offsets, words = columns(last or b"")
        end = max((o + (w & 0xFFFF_FFFF) for o, w in zip(offsets, words, strict=True)), default=0)
        if last is None or end > self.file.size:
            self._note_missing(
                f"the file ends at offset 0x{self.file.size:x}, before its last page"
            )

    def _note_missing(self, why: str) -> None:
        if not self._missing:
            self._missing = True
            self.problems.append(
                problem(TRUNCATED, f"{self.name}: the dump is not complete: {why}")
            )

    def let_go(self, phys: int, size: int) -> None:
        """See :meth:`Source.let_go`; of what was unpacked only so much is kept anyway."""

    def close(self) -> None:
        """Close the file."""
        self._cache.clear()
        self.file.close()

    def bytes_at(self, offset: int, size: int) -> memoryview | None:
        """Return bytes of the file, None where any of them is past its end or was never written."""
        try:
            data = self.file.read(offset, size)
        except InputError:  # a gap of a flattened file
            return None
        return data if len(data) == size else None

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`."""
        if phys < 0 or size < 0:
            return None
        skip = phys & (self.block_size - 1)
        page = self._page(phys >> self._shift)
        if page is None or skip + size <= self.block_size:
            return None if page is None else page[skip : skip + size]
        parts = bytearray(page[skip:])
        for pfn in range((phys >> self._shift) + 1, ((phys + size - 1) >> self._shift) + 1):
            page = self._page(pfn)
            if page is None:
                return None
            parts += page[: size - len(parts)]
        return memoryview(parts).toreadonly()

    def _page(self, pfn: int) -> memoryview | None:
        page = self._cache.get(pfn)
        if page is not None:
            self._cache.move_to_end(pfn)
            return page
        rank = self.bitmap.rank(pfn)
        if rank is None:
            return None
        desc = self.bytes_at(self.table + rank * DESC.size, DESC.size)
        if desc is None:
            self._note_missing(f"the descriptor of page frame 0x{pfn:x} is not in the file")
            return None
        offset, size, flags, _ = DESC.unpack(desc)
        data = self.page_data(offset, size, flags)
        if data is None:
            return None
        try:
            page = decompress.expand(flags, data, self.block_size).toreadonly()
        except ValueError as error:
            raise self.damaged(offset, size, flags, str(error)) from error
        except ImportError as error:
            raise self.not_installed(flags) from error
        self._cache[pfn] = page
        if len(self._cache) > _CACHED_PAGES:
            self._cache.popitem(last=False)
        return page

    def page_data(self, offset: int, size: int, flags: int) -> memoryview | None:
        """Return the data that a descriptor names, None where the dump does not have it.

        Raises DamagedPageError for a descriptor that no writer makes.
        """
        if not offset or flags & INCOMPLETE:
            self._note_missing("pages are marked as not written")
            return None
        if flags not in decompress.METHODS:
            raise self.damaged(offset, size, flags, "no known form of page")
        if not 0 < size <= self.block_size:
            raise self.damaged(offset, size, flags, f"expected 1 to {self.block_size} bytes")
        data = self.bytes_at(offset, size)
        if data is None:
            self._note_missing(f"{size} bytes of a page at offset 0x{offset:x} are not in the file")
        return data

    def damaged(self, offset: int, size: int, flags: int, why: str) -> DamagedPageError:
        """Return the error for a page whose data (bytes of the unflattened file) is unusable."""
        return DamagedPageError(
            f"{self.name}: page at {self._offset_of} 0x{offset:x} ({size} bytes, "
            f"{decompress.METHODS.get(flags, f'flags 0x{flags:x}')}) is damaged: {printable(why)}"
        )

    def not_installed(self, flags: int) -> InputError:
        """Return the error for a page that needs a library which is not there."""
        return InputError(
            f"{self.name}: pages are {decompress.METHODS[flags]}-compressed; install the extra: "
            f"pip install 'hwpkho[kdump]'"
        )

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`.

        By the bitmap alone: that the file is cut off, or a page marked as not written, shows
        only where it is read.
        """
        left = self.count
        for first, end in self.bitmap.runs():
            pages = min(end - first, left)
            if not pages:
                return
            yield first << self._shift, pages << self._shift
            left -= pages

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`.

        Where the kernel's page size is known (``page_size_hint``), only its multiples are looked
        at, and of each page only the start is decompressed. Pages that are damaged are passed
        over with a problem.
        """
        return search(self, magics)

    def note_damaged(self, count: int, first: DamagedPageError) -> None:
        """Add the problem of the data of ``count`` pages that a search could not look at."""
        more = f", as were {count - 1} more" if count > 1 else ""
        self.problems.append(problem(PAGE_DAMAGED, f"{first}; it was passed over{more}"))
