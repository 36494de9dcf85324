"""Where a page is in the file that LUO preserves with it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.handover.luo.model import UNKNOWN_ORDER, Folios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.handover.luo.model import LuoFile, LuoSession


class Place(NamedTuple):
    """Where pages of a file are.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        page: Of the file, from 0, at the first PFN.
        order: Of the folio, None where nothing tells.
        beyond_end: Whether they are behind the last byte of the file.
    """

    first: int
    last: int
    page: int
    order: int | None
    beyond_end: bool


class FileMemory:
    """The memory of one preserved file.

    Attributes:
        session: The name of its session, printable.
        file: The file.
        page_size: Bytes.
    """

    def __init__(self, session: LuoSession, file: LuoFile, page_size: int) -> None:
        self.session, self.file, self.page_size = session.name, file, page_size
        self._folios = file.folios or Folios()
        size = file.memfd.size if file.memfd else 0
        self._pages = -(-size // page_size)
        self._by_pfn: list[int] | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return f'session "{self.session}", token {self.file.token}'

    def places(self, first: int, last: int) -> Iterator[Place]:
        """Yield where the frames ``first`` to ``last``, inclusive, are in the file, by PFN."""
        folios = self._folios
        if self._by_pfn is None:
            self._by_pfn = sorted(range(len(folios)), key=folios.pfn.__getitem__)
        starts = self._by_pfn
        at = max(bisect_right(starts, first, key=folios.pfn.__getitem__) - 1, 0)
        for i in starts[at:]:
            if folios.pfn[i] > last:
                return
            yield from self._of_run(i, first, last)

    def _of_run(self, i: int, first: int, last: int) -> Iterator[Place]:
        folios = self._folios
        pfn, page, order = folios.pfn[i], folios.page[i], folios.order[i]
        low = max(first, pfn)
        high = min(last, pfn + (folios.folios[i] << max(order, 0)) - 1)
        end = pfn + max(self._pages - page, 0)  # the first frame beyond the end
        known = None if order == UNKNOWN_ORDER else order
        if low <= min(high, end - 1):
            yield Place(low, min(high, end - 1), page + low - pfn, known, beyond_end=False)
        low = max(low, end)
        if low <= high:
            yield Place(low, high, page + low - pfn, known, beyond_end=True)
