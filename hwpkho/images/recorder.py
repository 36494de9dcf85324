"""A source that records what is read of another one: the pages that a capture has to keep.

Bytes of :meth:`Source.look` are kept only after :meth:`Source.keep`, so that pages that were freed
and reused are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.images.base import MIN_PAGE, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Physical address and bytes.
_Piece = tuple[int, memoryview]


class Recorder(Source):
    """Passes every call on to ``inner`` and records each range that was read and is present.

    Searches (:meth:`Source.peek`, :meth:`Source.find_pages`) are not recorded.

    Attributes:
        ranges: ``(phys, size)`` of each read, bytes → what was read.
        looked: The same for :meth:`look`.
        held: ``(phys, size)``, bytes, of what must be present with any content.
    """

    def __init__(self, inner: Source) -> None:
        """Record the reads of ``inner``."""
        self.inner = inner
        self.name = inner.name
        self.arch = inner.arch
        self.vmcoreinfo = inner.vmcoreinfo
        self.page_size_hint = inner.page_size_hint
        self.handover_note = inner.handover_note
        self.problems = inner.problems
        self.elsewhere = inner.elsewhere
        self.partial = inner.partial
        self.ranges: dict[tuple[int, int], memoryview] = {}
        self.looked: dict[tuple[int, int], memoryview] = {}
        self.held: set[tuple[int, int]] = set()

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`."""
        data = self.inner.read(phys, size)
        if data is not None and size > 0:
            self.ranges[phys, size] = data
        elif data is not None and self.inner.read(phys, 1) is not None:
            self.hold(phys, 1)  # the reader learned that the address is present
        return data

    def peek(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.peek`."""
        return self.inner.peek(phys, size)

    def look(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.look`."""
        data = self.inner.read(phys, size)
        if data is not None and size > 0:
            self.looked[phys, size] = data
        return data

    def keep(self, phys: int, size: int) -> None:
        """See :meth:`Source.keep`."""
        self.ranges[phys, size] = self.looked[phys, size]

    def hold(self, phys: int, size: int) -> None:
        """See :meth:`Source.hold`."""
        self.held.add((phys, size))

    def keep_all(self) -> None:
        """Keep everything that :meth:`look` returned, too, also where it was only to be held."""
        self.ranges = self.looked | self.ranges

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        return self.inner.find_pages(*magics)

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`."""
        return self.inner.find_words(word)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        return self.inner.extents()

    def data(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.data`."""
        return self.inner.data()

    def close(self) -> None:
        """Close the inner source."""
        self.inner.close()

    def kept(self, page_size: int, *, scrub: bool) -> list[tuple[int, list[bytes | memoryview]]]:
        """Return ``(phys, parts)`` of every page of ``page_size`` bytes that was read or held.

        Adjacent pages are joined. With ``scrub``, bytes of a page that were not read are zeroed;
        held bytes always are. Of a page that the source has only in part, present pieces of 4 KiB
        are kept like pages, and of the others only the bytes read or held. Bytes are as they were
        when read, even if a running machine has changed them since.
        """
        pages: dict[int, list[_Piece]] = {}
        held = ((phys, size, memoryview(bytes(size))) for phys, size in self.held)
        read = ((phys, size, data) for (phys, size), data in self.ranges.items())
        for phys, size, data in (*held, *read):
            for page in range(phys & -page_size, phys + size, page_size):
                start, end = max(phys, page), min(phys + size, page + page_size)
                pages.setdefault(page, []).append((start, data[start - phys : end - phys]))
        extents: list[tuple[int, list[bytes | memoryview]]] = []
        end = -1
        for page in sorted(pages):
            for phys, part in self._page(page, page_size, pages[page], scrub=scrub):
                if phys == end:
                    extents[-1][1].append(part)
                else:
                    extents.append((phys, [part]))
                end = phys + len(part)
        return extents

    def _page(
        self, page: int, page_size: int, pieces: list[_Piece], *, scrub: bool
    ) -> Iterator[tuple[int, bytes | memoryview]]:
        whole = self.inner.peek(page, page_size)
        out = bytearray(page_size) if scrub or whole is None else bytearray(whole)
        for start, data in pieces:
            out[start - page : start - page + len(data)] = data
        if whole is not None:
            yield page, bytes(out)
            return
        if page_size > MIN_PAGE:
            for small in range(page, page + page_size, MIN_PAGE):
                end = small + MIN_PAGE
                inside = [
                    (max(start, small), data[max(small - start, 0) : end - start])
                    for start, data in pieces
                    if start < end and start + len(data) > small
                ]
                if inside:
                    yield from self._page(small, MIN_PAGE, inside, scrub=scrub)
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
