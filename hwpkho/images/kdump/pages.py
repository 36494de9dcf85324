"""The pages of a kdump-compressed file: their descriptors, and the data these point to.

Source: makedumpfile diskdump_mod.h (page_desc_t).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.image import PAGE_DAMAGED, TRUNCATED
from hwpkho.errors import InputError
from hwpkho.images.kdump import decompress, flattened
from hwpkho.images.kdump.bitmap import Bitmap
from hwpkho.images.kdump.decompress import DamagedPageError
from hwpkho.images.kdump.header import DESC, INCOMPLETE, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Problem
    from hwpkho.images.files import FileBytes
    from hwpkho.images.kdump.header import KdumpHeader

#: How many of the last descriptors are checked, to see whether the file was cut off.
_LAST = 4096
#: How many damaged pages are reported.
_MAX_TOLD = 16


class Pages:
    """The pages of a dump. A page's descriptor is found by its rank in the bitmap.

    ``problems`` may grow while pages are read: a missing or damaged page is noticed only then.

    Attributes:
        name: The file's name, printable.
        block_size: Bytes of a page of the dump; QEMU's may hold several pages of the kernel.
        page_size_hint: The kernel's page size in bytes where the image records it, else None.
        bitmap: Which page frames (of ``block_size`` bytes) the dump has.
        table: File offset of the first descriptor.
        count: How many descriptors the file has room for.
        described: ``(first, end)``, end exclusive, ascending: the ranks whose descriptors were
            written. Those in a hole of the file were not; their pages are absent.
    """

    def __init__(self, file: FileBytes, header: KdumpHeader) -> None:
        """Count the bits of the bitmap and check the last descriptors."""
        self.file = file
        self.name = printable(file.path)
        self.block_size = header.block_size
        self.page_size_hint = header.page_size
        self.table = header.table
        self.problems: list[Problem] = []
        self._offset_of = "file offset"
        if isinstance(file, flattened.Flattened):
            self.problems += file.problems
            self._offset_of = "offset (after makedumpfile -R)"
        self.bitmap = Bitmap(file, header.bitmap, header.first_pfn, header.end_pfn)
        self.count = min(self.bitmap.total, max(0, file.size - header.table) // DESC.size)
        self._missing = False
        self._told: set[str] = set()
        if header.incomplete:
            self._note_missing("its writer ran out of space")
        if self.count < self.bitmap.total:
            self._note_missing(
                f"the bitmap announces {counted(self.bitmap.total, 'page')}, the file has room for "
                f"the descriptors of {self.count}"
            )
        self.described = list(self._described())
        unwritten = self.count - sum(end - first for first, end in self.described)
        if unwritten:
            every = counted(self.count, "descriptor")
            said = counted(unwritten, f"of {every} was", f"of {every} were")
            self._note_missing(f"{said} never written")
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

    def _described(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of :attr:`described`."""
        table, end, done = self.table, self.table + self.count * DESC.size, 0
        for start, stop in self.file.data_ranges():
            if start >= end:
                return
            first = max((max(start, table) - table) // DESC.size, done)
            done = max(done, -(-(min(stop, end) - table) // DESC.size))
            if first < done:
                yield first, done

    def bytes_at(self, offset: int, size: int) -> memoryview | None:
        """Return bytes of the file, None where any is past the end or was never written."""
        try:
            data = self.file.read(offset, size)
        except InputError:  # a gap of a flattened file
            return None
        return data if len(data) == size else None

    def read(self, pfn: int) -> memoryview | None:
        """Return the page frame ``pfn`` (of ``block_size`` bytes), None where the dump lacks it.

        A page that cannot be decompressed is reported and counts as lacking. Raises InputError
        where the library is not installed.
        """
        try:
            return self._unpacked(pfn)
        except DamagedPageError as error:
            self.note_damaged(error)
            return None

    def _unpacked(self, pfn: int) -> memoryview | None:
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
            return decompress.expand(flags, data, self.block_size).toreadonly()
        except ValueError as error:
            raise self.damaged(offset, size, flags, str(error)) from error
        except ImportError as error:
            raise self.not_installed(flags) from error

    def page_data(self, offset: int, size: int, flags: int) -> memoryview | None:
        """Return a page's data, still compressed, None where the dump lacks it.

        ``offset``, ``size`` and ``flags`` are those of its descriptor. Raises DamagedPageError
        where they are invalid.
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
            where = f"of a page at offset 0x{offset:x}"
            said = counted(size, f"byte {where} is", f"bytes {where} are")
            self._note_missing(f"{said} not in the file")
        return data

    def note_damaged(self, error: DamagedPageError, more: str = "") -> None:
        """Report a damaged page once, up to ``_MAX_TOLD`` of them, with ``more`` at the end."""
        said = str(error)
        if said not in self._told and len(self._told) < _MAX_TOLD:
            self._told.add(said)
            self.problems.append(problem(PAGE_DAMAGED, said + more))

    def damaged(self, offset: int, size: int, flags: int, why: str) -> DamagedPageError:
        """Return the error for a page whose data is unusable; ``offset`` as after unflattening."""
        return DamagedPageError(
            f"{self.name}: page at {self._offset_of} 0x{offset:x} ({counted(size, 'byte')}, "
            f"{decompress.METHODS.get(flags, f'flags 0x{flags:x}')}) is damaged: {printable(why)}"
        )

    def not_installed(self, flags: int) -> InputError:
        """Return the error for a page whose library is not installed."""
        return InputError(
            f"{self.name}: pages are {decompress.METHODS[flags]}-compressed; install the extra: "
            f"pip install 'hwpkho[kdump]'"
        )
