"""What a walk through LUO rests on: the memory, the tracker, and what was read so far."""

from __future__ import annotations

from bisect import bisect_left
from copy import copy
from typing import TYPE_CHECKING

from hwpkho.base.addresses import align_down, page_shift
from hwpkho.codes.preserved import LUO_ABSENT, LUO_UNMARKED, OWNED_TWICE
from hwpkho.handover.luo.model import Page
from hwpkho.handover.problems import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.abi.spans import Span
    from hwpkho.base.ranges import Range
    from hwpkho.codes import Code, Problem
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source

    Spans = Callable[[bytes], Iterable[Span]]

#: Entries of all files' arrays that no kernel writes: without a PFN, of a folio that is not
#: preserved, or at an odd place in the file. A hole of the image, or segments that show the same
#: bytes, hold any number of them; so many are a guest of 1 GiB.
MAX_AMISS = 1 << 18


class LuoMemory:
    """The memory, and which of its pages LUO's structures take.

    Each page is read for one thing only, so a walk costs what the distinct pages of the image do.

    Attributes:
        source: The memory.
        page_size: Bytes.
        shift: Log2 of it.
        report: Where problems go.
        tracked: Whether what the tracker does not mark is not preserved; see :class:`Reach`.
        pages: What was read.
        order_at: Returns the order of the smallest preserved block that starts at a PFN, None where
            none does; None without a tracker.
        amiss: How many entries of arrays may still be none, or odd ones, before no more are read.
    """

    def __init__(self, reach: Reach, page_size: int) -> None:
        self.begin(reach.source, reach.report)
        self.page_size, self.shift = page_size, page_shift(page_size)
        self.chunks: set[int] = set()
        self.amiss = MAX_AMISS
        # Sorted lists, each at least twice as long as the next: few, and seldom made anew.
        self._arrays: list[list[Range]] = []
        walk = reach.walk
        self._preserved = walk.preserved if walk and walk.nodes else None
        self.tracked = reach.tracked
        self.order_at = self._preserved.order_at_frame() if self._preserved else None

    def trial(self, source: Source) -> LuoMemory:
        """Return what rests on the same, and takes and reports for itself: something is tried.

        ``source`` is the memory as it is read for that. No chunk is walked over twice, no array
        read; its first entry that is none ends the trial.
        """
        tried = copy(self)
        tried.amiss = 0
        tried.begin(source, Report())
        return tried

    def begin(self, source: Source, report: Report) -> None:
        """Take nothing yet, of this memory."""
        self.source, self.report = source, report
        self.pages: list[Page] = []
        self._taken: dict[int, str] = {}

    def note(
        self, code: Code, message: str, phys: int | None = None, field: int | None = None
    ) -> Problem:
        """Report a problem; see :meth:`Report.add`."""
        return self.report.add(code, message, phys, field=field)

    def take(
        self, what: str, phys: int, order: int = 0, spans: Spans | None = None, of: str = ""
    ) -> bool:
        """Take the page at ``phys`` for ``what``; tell whether nothing else has it.

        That it is not marked preserved is reported. For the rest see :class:`Page`.
        """
        at = align_down(phys, self.page_size)
        other = self._taken.get(at)
        if other is not None:
            self.note(OWNED_TWICE, f"{what} 0x{phys:x} is {other} as well", phys)
            return False
        self._taken[at] = f"{what} 0x{phys:x}"
        self.pages.append(Page(what, phys, order, spans, of))
        marked = self._preserved is None or self._preserved.block_around(at) is not None
        if not marked and self.tracked:
            self.note(LUO_UNMARKED, f"{what} 0x{at:x} is not marked preserved", at)
        return True

    def take_array(self, pages: Iterable[int], order: int) -> bool:
        """Take the blocks of an array; False where another array has a part of one of them.

        ``pages`` are the addresses (bytes) at which blocks of ``order`` begin.
        """
        size = self.page_size << order
        starts = (align_down(phys, self.page_size) for phys in pages)
        blocks = sorted((start, start + size) for start in starts)
        for held in self._arrays:
            for start, end in blocks:
                i = bisect_left(held, (end, 0))
                if i and held[i - 1][1] > start:
                    return False
        while self._arrays and len(self._arrays[-1]) < 2 * len(blocks):
            blocks = sorted(self._arrays.pop() + blocks)
        self._arrays.append(blocks)
        return True

    def taken(self, addresses: Iterable[int]) -> bool:
        """Tell whether the page of any of ``addresses`` was taken."""
        return any(align_down(phys, self.page_size) in self._taken for phys in addresses)

    def read(
        self, what: str, phys: int, size: int, of: str = "LUO", spans: Spans | None = None
    ) -> memoryview | None:
        """Take the page of ``what`` and return ``size`` bytes from ``phys`` on.

        None, reported, where the image lacks them, or the page is something else already.
        """
        if not self.take(what, phys, spans=spans, of=of):
            return None
        data = self.source.read(phys, size)
        if data is None:
            self.note(LUO_ABSENT, f"{of}: {what} 0x{phys:x} is not in the image", phys)
        return data

    def block(self, phys: int) -> tuple[int, int] | None:
        """Return address and order of the smallest preserved block around ``phys``, else None."""
        return self._preserved.block_around(phys) if self._preserved else None
