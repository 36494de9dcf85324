"""A source that remembers what was read of another one: what a capture has to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.sources.base import MIN_PAGE, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Physical address and bytes.
_Piece = tuple[int, memoryview]


class Recorder(Source):
    """Passes everything on to ``inner`` and notes each range that was read and is there.

    What is only looked through (:meth:`Source.peek`, the search for page starts) is not noted.

    Attributes:
        ranges: ``(phys, size)`` of the reads, bytes → what was read.
    """

    def __init__(self, inner: Source) -> None:
        """Take the source to be watched."""
        self.inner = inner
        self.name = inner.name
        self.arch = inner.arch
        self.vmcoreinfo = inner.vmcoreinfo
        self.page_size_hint = inner.page_size_hint
        self.handover_note = inner.handover_note
        self.problems = inner.problems
        self.ranges: dict[tuple[int, int], memoryview] = {}

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`."""
        data = self.inner.read(phys, size)
        if data is not None and size > 0:
            self.ranges[phys, size] = data
        return data

    def peek(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.peek`."""
        return self.inner.peek(phys, size)

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        return self.inner.find_pages(*magics)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        return self.inner.extents()

    def let_go(self, phys: int, size: int) -> None:
        """See :meth:`Source.let_go`."""
        self.inner.let_go(phys, size)

    def close(self) -> None:
        """Close the source that is watched."""
        self.inner.close()

    def kept(self, *, scrub: bool) -> list[tuple[int, list[bytes | memoryview]]]:
        """Return ``(phys, parts)`` of every page of 4096 bytes that was read, neighbours joined.

        With ``scrub`` the bytes of a page that nobody read are zeros. Of a page that is not there
        whole, only what was read is kept. The bytes are those of the reads, also where the memory
        of a running machine has changed since.
        """
        pages: dict[int, list[_Piece]] = {}
        for (phys, size), data in self.ranges.items():
            for page in range(phys & -MIN_PAGE, phys + size, MIN_PAGE):
                start, end = max(phys, page), min(phys + size, page + MIN_PAGE)
                pages.setdefault(page, []).append((start, data[start - phys : end - phys]))
        extents: list[tuple[int, list[bytes | memoryview]]] = []
        end = -1
        for page in sorted(pages):
            for phys, part in self._page(page, pages[page], scrub=scrub):
                if phys == end:
                    extents[-1][1].append(part)
                else:
                    extents.append((phys, [part]))
                end = phys + len(part)
        return extents

    def _page(
        self, page: int, pieces: list[_Piece], *, scrub: bool
    ) -> Iterator[tuple[int, bytes | memoryview]]:
        whole = self.inner.peek(page, MIN_PAGE)
        out = bytearray(MIN_PAGE) if scrub or whole is None else bytearray(whole)
        for start, data in pieces:
            out[start - page : start - page + len(data)] = data
        if whole is not None:
            yield page, bytes(out)
            return
        at = end = 0
        for start, data in sorted(pieces, key=lambda p: p[0]):
            skip = start - page
            if skip > end:
                if end > at:
                    yield page + at, bytes(out[at:end])
                at = skip
            end = max(end, skip + len(data))
        yield page + at, bytes(out[at:end])
