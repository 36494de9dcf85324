"""Finds the place of a page in the file that LUO preserves with it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.pfnset import PFN_MAX
from hwpkho.handover.luo.model import MAX_INFERRED, UNKNOWN_ORDER, Folios, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.handover.luo.model import LuoFile, LuoSession


class Place(NamedTuple):
    """Where pages of a file are.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        page: Page number in the file, from 0, of the first PFN.
        order: Order of the folios, None where unknown.
        beyond_end: Whether they are beyond the last byte of the file.
    """

    first: int
    last: int
    page: int
    order: int | None
    beyond_end: bool


class FileMemory:
    """The memory of one preserved file.

    Attributes:
        session: The name of its session, printable; None before LUO has written the sessions.
        file: The file.
        page_size: Bytes.
    """

    def __init__(self, session: LuoSession | None, file: LuoFile, page_size: int) -> None:
        self.session = session.name if session else None
        self.file, self.page_size = file, page_size
        self._folios = file.folios or Folios()
        self._pages = PFN_MAX if file.size is None else -(-file.size // page_size)
        self._hit: list[tuple[int, int, int]] = []

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return place_of(self.session, self.file)

    @property
    def token(self) -> int | None:
        """The file's token in its session; None before LUO has written the sessions."""
        return None if self.session is None else self.file.token

    def hit(self, pfns: PfnSet) -> Iterator[Place]:
        """Yield the places of the folio runs that hold any of ``pfns``, ascending by PFN.

        Where runs of a damaged file overlap, the one with the lower first PFN counts. Only the
        runs found here are what :meth:`places` knows.
        """
        folios, found = self._folios, list[tuple[int, int, int]]()
        for i, (pfn, order, count) in enumerate(folios.blocks()):
            last = pfn + (count << order) - 1
            if i == len(folios) - 1 and folios.order[i] == UNKNOWN_ORDER and not folios.unmarked:
                last = max(last, pfn + self._rest(pfn, folios.page[i]) - 1)
            at = bisect_left(pfns.last, pfn)
            if at < len(pfns.first) and pfns.first[at] <= last:
                found.append((pfn, last, i))
        end = -1
        for first, last, i in sorted(found):
            if last > end:
                self._hit.append((max(first, end + 1), last, i))
                end = last
        for run in self._hit:
            yield from self._of_run(*run)

    def _rest(self, pfn: int, page: int) -> int:
        """Return how many pages the last folio has at least, at ``page`` of the file.

        A file has no holes, so it reaches to the end of the file. 0 where no folio at ``pfn``
        could, or the size of the file is unknown.
        """
        rest = self._pages - page
        order = max(rest - 1, 0).bit_length()
        return rest if order <= MAX_INFERRED and not pfn % (1 << order) else 0

    def places(self, first: int, last: int) -> Iterator[Place]:
        """Yield the places of the PFNs ``first`` to ``last``, inclusive, ascending by PFN."""
        at = bisect_left(self._hit, first, key=itemgetter(1))
        for low, high, i in islice(self._hit, at, None):
            if low > last:
                return
            yield from self._of_run(max(low, first), min(high, last), i)

    def _of_run(self, low: int, high: int, i: int) -> Iterator[Place]:
        folios = self._folios
        pfn, page, order = folios.pfn[i], folios.page[i], folios.order[i]
        end = pfn + max(self._pages - page, 0)  # the first frame beyond the end
        known = None if order == UNKNOWN_ORDER else order
        if low <= min(high, end - 1):
            yield Place(low, min(high, end - 1), page + low - pfn, known, beyond_end=False)
        low = max(low, end)
        if low <= high:  # a damaged index may be any u64; the kernel's arithmetic wraps around
            yield Place(low, high, (page + low - pfn) % (1 << 64), known, beyond_end=True)
