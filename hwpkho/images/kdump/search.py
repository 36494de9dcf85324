"""Searches a kdump-compressed image for pages that begin with a magic.

The search goes over the descriptors; page frame numbers are computed for hits only. A budget in
decompressed bytes, a multiple of the file's size, bounds the work. Real images stay far below it,
as equal descriptors and equal small contents are looked at only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.images.base import MIN_PAGE
from hwpkho.images.kdump import decompress
from hwpkho.images.kdump.decompress import DamagedPageError
from hwpkho.images.kdump.header import DESC, columns
from hwpkho.images.words import words_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.images.kdump.pages import Pages

#: Descriptors that are read at once; dumps of QEMU guests have long runs of equal ones.
_BATCH = 512
#: Results that are remembered, by descriptor and by content; contents of up to so many bytes.
_MEMO = 4096
_SMALL = 512
#: The budget is so many bytes, plus so many times the file's size.
_BASE, _RATIO = 64 << 20, 128
#: What a page, a damaged page, and a hit in remembered data cost beside the bytes decompressed, by
#: the time that each takes.
_LOOK, _DAMAGED, _HIT_AGAIN = 2048, 16 << 10, 64 << 10

_NONE: tuple[int, ...] = ()


def search(pages: Pages, magics: tuple[bytes, ...]) -> Iterator[int]:
    """Yield the physical addresses of the pages that begin with one of ``magics``.

    Raises InputError where the budget is used up, or a library is not installed.
    """
    return _Search(pages, magics).run()


def search_words(pages: Pages, word: bytes) -> Iterator[int]:
    """Yield the physical addresses, multiples of 8, where ``word`` is.

    Raises as :func:`search` does. Damaged pages are skipped silently: the search for page
    starts reports them.
    """
    return _WordSearch(pages, word).run()


class _Search:
    def __init__(self, pages: Pages, magics: tuple[bytes, ...]) -> None:
        self.pages = pages
        self.magics = magics
        self.length = max(map(len, magics))
        block = pages.block_size
        self.starts = range(0, block, min(pages.page_size_hint or MIN_PAGE, block))
        self.seen: dict[tuple[int, int], tuple[int, ...]] = {}
        self.small: dict[tuple[int, bytes], tuple[int, ...]] = {}
        self.budget = _BASE + _RATIO * pages.file.size
        self.damaged = 0
        self.first_damaged: DamagedPageError | None = None

    def run(self) -> Iterator[int]:
        pages = self.pages
        for first, raw in self.batches():
            offsets, words = columns(raw)
            equal = raw[DESC.size :] == raw[: -DESC.size]
            if equal and not self.look(offsets[0], words[0]):
                continue
            for i, (offset, word) in enumerate(zip(offsets, words, strict=True)):
                for start in self.look(offset, word):
                    yield pages.bitmap.select(first + i) * pages.block_size + start
        self.report()

    def report(self) -> None:
        """Report damaged pages."""
        if self.first_damaged is not None:
            more = f", as were {self.damaged - 1} more" if self.damaged > 1 else ""
            self.pages.note_damaged(self.first_damaged, f"; it was passed over{more}")

    def batches(self) -> Iterator[tuple[int, bytes]]:
        """Yield ``(rank of the first, raw descriptors)`` of all descriptors that the file has."""
        pages, table = self.pages, self.pages.table
        for first, end in pages.described:
            for index in range(first, end, _BATCH):
                n = min(_BATCH, end - index)
                raw = pages.bytes_at(table + index * DESC.size, n * DESC.size)
                if raw is not None:
                    yield index, bytes(raw)
                    continue
                for k in range(index, index + n):  # a gap of a flattened file cuts one in two
                    raw = pages.bytes_at(table + k * DESC.size, DESC.size)
                    if raw is not None:
                        yield k, bytes(raw)

    def look(self, offset: int, word: int) -> tuple[int, ...]:
        """Return the offsets of hits in the page of a descriptor; results are remembered."""
        known = self.seen.get((offset, word))
        if known is None:
            if len(self.seen) >= _MEMO:
                self.seen.clear()
            known = self.seen[offset, word] = self.hits(offset, word & 0xFFFF_FFFF, word >> 32)
        elif known:
            self.spend(_HIT_AGAIN, offset)
        return known

    def spend(self, amount: int, offset: int) -> None:
        """Take from the budget. Raises InputError where it is used up."""
        self.budget -= amount
        if self.budget < 0:
            raise InputError(
                f"{self.pages.name}: its page descriptors name damaged data, the same data over "
                f"and over, or more than {_RATIO} times the size of the file; this is not a memory "
                f"image (offset 0x{offset:x})"
            )

    def hits(self, offset: int, size: int, flags: int) -> tuple[int, ...]:
        self.spend(_LOOK, offset)
        try:
            data = self.pages.page_data(offset, size, flags)
            return _NONE if data is None else self.compare(offset, data, flags)
        except ImportError as error:
            raise self.pages.not_installed(flags) from error
        except DamagedPageError as error:
            self.pass_over(error, offset)
        except ValueError as error:
            self.pass_over(self.pages.damaged(offset, size, flags, str(error)), offset)
        return _NONE

    def pass_over(self, error: DamagedPageError, offset: int) -> None:
        self.spend(_DAMAGED, offset)
        self.damaged += 1
        if self.first_damaged is None:
            self.first_damaged = error

    def compare(self, offset: int, data: memoryview, flags: int) -> tuple[int, ...]:
        if len(self.starts) == 1:
            head = decompress.head(flags, data, self.length)
            if head is not None:
                return (0,) if head.startswith(self.magics) else _NONE
        return self.expanded(offset, data, flags)

    def expanded(self, offset: int, data: memoryview, flags: int) -> tuple[int, ...]:
        """Return the offsets of hits, decompressing the whole page; small pages are remembered."""
        key = (flags, bytes(data)) if len(data) <= _SMALL else None
        if key is not None and key in self.small:
            return self.small[key]
        block = self.pages.block_size
        self.spend(decompress.cost(flags, data, block), offset)
        hits = tuple(self.in_page(decompress.expand(flags, data, block)))
        if key is not None:
            if len(self.small) >= _MEMO:
                self.small.clear()
            self.small[key] = hits
        return hits

    def in_page(self, page: memoryview) -> Iterator[int]:
        """Yield the offsets of hits in a decompressed page."""
        size = self.length
        return (s for s in self.starts if bytes(page[s : s + size]).startswith(self.magics))


class _WordSearch(_Search):
    def __init__(self, pages: Pages, word: bytes) -> None:
        super().__init__(pages, (word,))

    def report(self) -> None:
        """Report nothing: the search for page starts does."""

    def compare(self, offset: int, data: memoryview, flags: int) -> tuple[int, ...]:
        return self.expanded(offset, data, flags)

    def in_page(self, page: memoryview) -> Iterator[int]:
        return words_in(bytes(page), self.magics[0])
