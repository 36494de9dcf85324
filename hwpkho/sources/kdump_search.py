"""Search of a kdump-compressed image for pages that begin with a magic.

The search goes over the descriptors, which name the data; page frames are worked out for hits
only. What it costs is bounded by the bytes of the file: data that was looked at already is not
decompressed again, except for as many bytes as the file has, and what is decompressed in full is
bounded by a multiple of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.sources import decompress
from hwpkho.sources.base import MIN_PAGE
from hwpkho.sources.files import WINDOW
from hwpkho.sources.kdump_header import DESC, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.sources.kdump import KdumpSource

#: Descriptors that are taken at once; QEMU guests have long runs of the same one.
_BATCH = 512
#: What is remembered of data seen before: that many places, and contents up to so many bytes.
_MEMO = 4096
_SMALL = 512
#: Descriptors that may share data with a hit. Writers share only the page of zeros.
_MAX_SHARED = 1024
#: What may be decompressed in full, in bytes: that much, and so many times the file. Each page
#: counts for so many bytes more, for the call, and a damaged one for so many times its data.
_FULL_BASE, _FULL_RATIO, _FULL_CALL, _FULL_DAMAGED = 64 << 20, 128, 8192, 256

_NONE: tuple[int, ...] = ()


class DamagedPageError(InputError):
    """A page whose descriptor or compressed data makes no sense."""


def search(source: KdumpSource, magics: tuple[bytes, ...]) -> Iterator[int]:
    """Yield what :meth:`KdumpSource.find_pages` promises."""
    return _Search(source, magics).run()


class _Search:
    def __init__(self, source: KdumpSource, magics: tuple[bytes, ...]) -> None:
        self.source = source
        self.magics = magics
        self.length = max(map(len, magics))
        block = source.block_size
        step = min(source.page_size_hint or MIN_PAGE, block)
        self.starts = range(0, block, step)
        self.memo: dict[tuple[int, int], tuple[int, ...]] = {}
        self.small: dict[tuple[int, bytes], tuple[int, ...]] = {}
        self.high = 0
        self.again = source.file.size
        self.full = _FULL_BASE + _FULL_RATIO * source.file.size
        self.shared = 0
        self.damaged = 0
        self.first_damaged: DamagedPageError | None = None

    def run(self) -> Iterator[int]:
        source, kept = self.source, 0
        for first, raw in self.batches():
            offsets, words = columns(raw)
            if len(words) > 1 and raw[DESC.size :] == raw[: -DESC.size]:
                self.look(offsets[0], words[0])  # the data is new, or is looked at again
                if not self.look(offsets[0], words[0]):
                    continue
            for i, (offset, word) in enumerate(zip(offsets, words, strict=True)):
                for start in self.look(offset, word):
                    yield source.bitmap.select(first + i) * source.block_size + start
            if self.high - kept >= WINDOW:
                source.file.let_go(kept, self.high)
                kept = self.high
        if self.first_damaged is not None:
            source.note_damaged(self.damaged, self.first_damaged)

    def batches(self) -> Iterator[tuple[int, bytes]]:
        """Yield ``(index of the first, raw descriptors)`` of what the file has of the table."""
        source, done = self.source, 0
        table, end = source.table, source.table + source.count * DESC.size
        for start, stop in source.file.data_ranges():
            if start >= end:
                return
            first = max((max(start, table) - table) // DESC.size, done)
            done = max(done, -(-(min(stop, end) - table) // DESC.size))
            for index in range(first, done, _BATCH):
                n = min(_BATCH, done - index)
                raw = source.bytes_at(table + index * DESC.size, n * DESC.size)
                if raw is not None:
                    yield index, bytes(raw)
                    continue
                for k in range(index, index + n):  # one at the edge of a gap
                    raw = source.bytes_at(table + k * DESC.size, DESC.size)
                    if raw is not None:
                        yield k, bytes(raw)

    def look(self, offset: int, word: int) -> tuple[int, ...]:
        """Return where in its page the data that a descriptor names has a magic."""
        size = word & 0xFFFF_FFFF
        if offset >= self.high:
            if offset + size <= self.source.file.size:
                self.high = offset + size
            return self.hits(offset, size, word >> 32)
        known = self.memo.get((offset, word))
        if known is None:
            self.again -= min(size, self.source.block_size)
            if self.again < 0:
                raise InputError(
                    f"{self.source.name}: page descriptors name the same bytes over and over, the "
                    f"last at offset 0x{offset:x}; this is no memory image"
                )
            if len(self.memo) >= _MEMO:
                self.memo.clear()
            known = self.memo[offset, word] = self.hits(offset, size, word >> 32)
        if known:
            self.shared += 1
            if self.shared > _MAX_SHARED:
                raise InputError(
                    f"{self.source.name}: {self.shared} page descriptors share the data at offset "
                    f"0x{offset:x}; this is no memory image"
                )
        return known

    def hits(self, offset: int, size: int, flags: int) -> tuple[int, ...]:
        try:
            data = self.source.page_data(offset, size, flags)
            if data is None:
                return _NONE
            return self.compare(data, flags)
        except ImportError as error:
            raise self.source.not_installed(flags) from error
        except DamagedPageError as error:
            self.pass_over(error)
        except ValueError as error:
            self.full -= size * _FULL_DAMAGED
            self.pass_over(self.source.damaged(offset, size, flags, str(error)))
        return _NONE

    def pass_over(self, error: DamagedPageError) -> None:
        self.damaged += 1
        if self.first_damaged is None:
            self.first_damaged = error

    def compare(self, data: memoryview, flags: int) -> tuple[int, ...]:
        magics, block = self.magics, self.source.block_size
        if len(self.starts) == 1:
            head = decompress.head(flags, data, block, self.length)
            if head is not None:
                return (0,) if head.startswith(magics) else _NONE
        key = (flags, bytes(data)) if len(data) <= _SMALL else None
        if key is not None and key in self.small:
            return self.small[key]
        self.full -= block + _FULL_CALL
        if self.full < 0:
            raise InputError(
                f"{self.source.name}: its pages are damaged or decompress to more than "
                f"{_FULL_RATIO} times the size of the file; this is no memory image"
            )
        page = decompress.expand(flags, data, block)
        hits = tuple(s for s in self.starts if bytes(page[s : s + self.length]).startswith(magics))
        if key is not None:
            if len(self.small) >= _MEMO:
                self.small.clear()
            self.small[key] = hits
        return hits
