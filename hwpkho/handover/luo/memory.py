"""The state of a walk through LUO: the memory, the tracker, and the pages taken so far."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from copy import copy
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END, align_down, page_shift
from hwpkho.codes.preserved import LUO_ABSENT, LUO_UNMARKED, OWNED_TWICE
from hwpkho.handover.luo.model import Page
from hwpkho.handover.problems import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.abi.spans import Span
    from hwpkho.codes import Code, Problem
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source

    Spans = Callable[[bytes], Iterable[Span]]

#: The most entries, in the arrays of all files together, that no kernel writes: without a PFN, of
#: a folio that is not preserved, or at a wrong position in the file. A hole of the image, or
#: segments that show the same bytes, can contain any number of them. With 4 KiB pages so many
#: would be a guest of 1 GiB.
MAX_AMISS = 1 << 18


class LuoMemory:
    """The memory, and which of its pages LUO's structures occupy.

    Each page is read as one structure only, so the work of a walk is bounded by the distinct pages
    of the image.

    Attributes:
        source: The memory.
        page_size: Bytes.
        shift: log2 of the page size.
        report: Where problems go.
        tracked: Whether the whole tracker was read, see :attr:`Reach.tracked`.
        pages: The pages taken so far.
        chunks: Physical addresses of the chunks of all arrays walked so far.
        order_at: Returns the order of the smallest preserved block that starts at a PFN, None where
            none does; None without a tracker.
        amiss: How many more invalid entries of arrays are accepted before reading ends.
    """

    def __init__(self, reach: Reach, page_size: int) -> None:
        self.begin(reach.source, reach.report)
        self.page_size, self.shift = page_size, page_shift(page_size)
        self.chunks: set[int] = set()
        self.amiss = MAX_AMISS
        # Columns of first and last bytes of array blocks, each ascending and at least twice as long
        # as the next, so that there are few of them and merges are rare.
        self._arrays: list[tuple[array[int], array[int]]] = []
        walk = reach.walk
        self._preserved = walk.preserved if walk and walk.nodes else None
        self.tracked = reach.tracked
        self.order_at = self._preserved.order_at_frame() if self._preserved else None

    def trial(self, source: Source) -> LuoMemory:
        """Return a copy for trying something out, with its own pages and its own report.

        It reads from ``source``. Chunks and arrays stay shared, so that none is walked twice; the
        first invalid entry ends the trial.
        """
        tried = copy(self)
        tried.amiss = 0
        tried.begin(source, Report())
        return tried

    def begin(self, source: Source, report: Report) -> None:
        """Start with no pages taken, reading from ``source`` and reporting to ``report``."""
        self.source, self.report = source, report
        self.pages: list[Page] = []
        self._taken: dict[int, Page] = {}

    def note(
        self, code: Code, message: str, phys: int | None = None, field: int | None = None
    ) -> Problem:
        """Report a problem; see :meth:`Report.add`."""
        return self.report.add(code, message, phys, field=field)

    def take(
        self, what: str, phys: int, order: int = 0, spans: Spans | None = None, of: str = ""
    ) -> bool:
        """Take the page at ``phys`` for ``what``; tell whether no other structure has it.

        Reports a page that another has, or that is not marked preserved. For the parameters see
        :class:`Page`.
        """
        at = align_down(phys, self.page_size)
        other = self._taken.get(at)
        if other is not None:
            message = f"{what} 0x{phys:x} is {other.what} 0x{other.phys:x} as well"
            self.note(OWNED_TWICE, message, phys)
            return False
        self._taken[at] = page = Page(what, phys, order, spans, of)
        self.pages.append(page)
        if self.tracked and not self._marked(at):
            self.note(LUO_UNMARKED, f"{what} 0x{at:x} is not marked preserved", at)
        return True

    def _marked(self, phys: int) -> bool:
        """Tell whether the page at ``phys`` is marked preserved; True without a tracker."""
        if self._preserved is None or self.order_at is None:
            return True
        starts = self.order_at(phys >> self.shift) is not None
        return starts or self._preserved.block_around(phys) is not None

    def take_array(self, pages: Iterable[int], order: int) -> bool:
        """Take the blocks of an array; return False where they overlap another array's.

        ``pages`` are the physical addresses (bytes) of blocks of ``order``.
        """
        size = self.page_size << order
        starts = array("Q", sorted(align_down(phys, self.page_size) for phys in pages))
        lasts = array("Q", (min(start + size, PHYS_END) - 1 for start in starts))
        for held_starts, held_lasts in self._arrays:
            for start, last in zip(starts, lasts, strict=True):
                # All held blocks that begin up to its last byte must end before its first.
                i = bisect_right(held_starts, last)
                if i and held_lasts[i - 1] >= start:
                    return False
        while self._arrays and len(self._arrays[-1][0]) < 2 * len(starts):
            more_starts, more_lasts = self._arrays.pop()
            starts = array("Q", sorted(more_starts + starts))
            lasts = array("Q", sorted(more_lasts + lasts))
        self._arrays.append((starts, lasts))
        return True

    def taken(self, addresses: Iterable[int]) -> bool:
        """Tell whether the page of any of ``addresses`` was taken."""
        return any(align_down(phys, self.page_size) in self._taken for phys in addresses)

    def read(
        self, what: str, phys: int, size: int, of: str = "LUO", spans: Spans | None = None
    ) -> memoryview | None:
        """Take the page of ``what`` and return ``size`` bytes from ``phys`` on.

        Reports and returns None where the image lacks them or another structure has the page.
        """
        if not self.take(what, phys, spans=spans, of=of):
            return None
        data = self.source.read(phys, size)
        if data is None:
            self.note(LUO_ABSENT, f"{of}: {what} 0x{phys:x} is not in the image", phys)
        return data

    def block(self, phys: int) -> tuple[int, int] | None:
        """Return ``(phys, order)`` of the smallest preserved block around ``phys``, or None."""
        return self._preserved.block_around(phys) if self._preserved else None
