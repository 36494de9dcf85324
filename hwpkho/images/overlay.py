"""Sources that combine others: several images of one machine, and copies of single structures."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from hwpkho.base.ranges import intersection, joined
from hwpkho.errors import InputError
from hwpkho.images.base import MIN_PAGE, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class CombinedSource(Source):
    """Several images of one machine at one moment.

    A byte that several of them hold must be the same in all; that is checked when it is read.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        """Combine ``sources``. Raises InputError where they state different architectures or page
        sizes.
        """
        self._sources = sources
        self.name = ", ".join(s.name for s in sources)
        for attribute in ("arch", "page_size_hint"):
            values = {v for s in sources if (v := getattr(s, attribute)) is not None}
            if len(values) > 1:
                raise InputError(
                    f"{self.name}: the images state different {attribute}: "
                    f"{', '.join(map(str, sorted(values)))}"
                )
            setattr(self, attribute, next(iter(values), None))
        self.vmcoreinfo = next((s.vmcoreinfo for s in sources if s.vmcoreinfo), b"")
        self.nodename = next((s.nodename for s in sources if s.nodename), "")
        self.taken_at = next((s.taken_at for s in sources if s.taken_at is not None), None)
        self.to_load = any(s.to_load for s in sources)
        self.problems = [p for s in sources for p in s.problems]
        self.partial = all(s.partial for s in sources)
        first, *parts = [s.elsewhere for s in sources if s.elsewhere] or [()]
        for part in parts:
            first = list(intersection(first, part))
        self.elsewhere = first

    def place(self, phys: int) -> tuple[str, int] | None:
        """See :meth:`Source.place`; the first image that holds the byte counts."""
        return next((place for s in self._sources if (place := s.place(phys))), None)

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`; InputError where two images disagree."""
        found, holder = None, ""
        for source in self._sources:
            data = source.read(phys, size)
            if data is None:
                continue
            if found is not None and data != found:
                raise InputError(
                    f"{holder} and {source.name} hold different bytes at 0x{phys:x}: not one "
                    "machine at one moment; diff compares two captures"
                )
            found, holder = data, source.name
        if found is None and phys % MIN_PAGE + size > MIN_PAGE:
            return self._join(phys, size)
        return found

    def _join(self, phys: int, size: int) -> memoryview | None:
        """Read a range that no image holds completely, page by page."""
        parts = bytearray()
        at, end = phys, phys + size
        while at < end:
            n = min(end, (at & -MIN_PAGE) + MIN_PAGE) - at
            data = self.read(at, n)
            if data is None:
                return None
            parts += data
            at += n
        return memoryview(bytes(parts))

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        return _distinct(s.find_pages(*magics) for s in self._sources)

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`."""
        return _distinct(s.find_words(word) for s in self._sources)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        pieces = heapq.merge(*(s.extents() for s in self._sources))
        for start, end in joined((start, start + size) for start, size in pieces):
            yield start, end - start

    def holds(self, phys: int, size: int) -> bool:
        """See :meth:`Source.holds`."""
        return any(s.holds(phys, size) for s in self._sources)

    def data(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.data`."""
        return heapq.merge(*(s.data() for s in self._sources))

    def close(self) -> None:
        """Close all images."""
        for source in self._sources:
            source.close()


def _distinct(found: Iterable[Iterator[int]]) -> Iterator[int]:
    last = -1
    for phys in heapq.merge(*found):
        if phys != last:
            yield phys
        last = phys


class PieceSource(Source):
    """Copies of single structures at known addresses, as debugfs provides them."""

    def __init__(self, name: str, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Take ``pieces``, ``(phys, bytes)`` each; ``name`` is for messages."""
        self.name = name
        self._pieces = sorted(pieces)

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`."""
        for start, data in self._pieces:
            if start <= phys and phys + size <= start + len(data):
                return memoryview(data)[phys - start : phys - start + size]
        return None

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        for start, data in self._pieces:
            if not start % MIN_PAGE and data.startswith(magics):
                yield start

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`; pieces that touch are not merged."""
        return ((start, len(data)) for start, data in self._pieces if data)

    def close(self) -> None:
        """See :meth:`Source.close`; no file is open."""
