"""Checks that a tracker marks what it must: the handover's own pages.

Source: kho_restore_page() in kernel/liveupdate/kexec_handover.c (Linux 7.3.4). The kernel restores
a chunk or array page as the block that starts at its address; it only reads the root FDT and blobs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.ranges import holding
from hwpkho.codes.tracker import (
    BLOCK_ORDER,
    DAMAGED,
    GONE,
    MERGED,
    NODE_ABSENT,
    TRACKER_LOST,
    UNLISTED,
    UNMARKED,
)
from hwpkho.handover.model import Unmarked
from hwpkho.handover.vmalloc import restored_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.abi.role import Role
    from hwpkho.abi.tracker.walked import TrackerWalk
    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.handover.model import HwpoisonList, TrackerState
    from hwpkho.handover.problems import Report

#: The most pages that are found unmarked, or in scratch.
MAX_FOUND = 1000


class Membership(NamedTuple):
    """What the tracker marks of a handover's own pages.

    Attributes:
        state: None where the image lacks the tracker.
        unmarked: The first page that it does not mark; None where it marks all of them.
        damage: The reported problem of the tracker that crashes the next kernel, else None.
    """

    state: TrackerState | None
    unmarked: Unmarked | None = None
    damage: Problem | None = None


class Page(NamedTuple):
    """A page of the handover, or the block of pages of an array entry.

    Attributes:
        what: A word for messages, such as ``chunk``.
        phys: Physical address, bytes.
        order: log2 of the number of pages.
        restored: Whether the kernel restores it, so that a preserved block must start there.
    """

    what: str
    phys: int
    order: int = 0
    restored: bool = False


class Pages:
    """The pages of a handover that the tracker must mark.

    An array's pages are kept as arrays, and a :class:`Page` is made only when iterating.

    Attributes:
        page_size: Bytes; 1 without an array, where it does not matter.
    """

    def __init__(self) -> None:
        self._few: list[Page] = []
        self._entries, self._pfns, self._order = array("Q"), array("Q"), 0
        self.page_size = 1

    def add(self, pages: Iterable[Page]) -> None:
        """Add single pages."""
        self._few += pages

    def add_array(self, entries: array[int], pfns: array[int], order: int, page_size: int) -> None:
        """Set the array: ``entries`` are physical addresses, rounded down to pages when used.

        ``order`` is that of each entry's block; ``pfns`` are the entries' PFNs, ascending.
        """
        self._entries, self._pfns, self._order, self.page_size = entries, pfns, order, page_size

    def __iter__(self) -> Iterator[Page]:
        yield from self._few
        for phys in self._entries:
            yield self._of_array(phys - phys % self.page_size)

    def _of_array(self, phys: int) -> Page:
        return Page("array page", phys, self._order, restored=True)

    def inside(self, areas: Sequence[Range]) -> Iterator[Page]:
        """Yield the pages that lie in ``areas`` at least in part, an array's in ascending order.

        ``areas`` are ascending, disjoint ranges of bytes, ends exclusive.
        """
        for page in self._few:
            if holding(areas, page.phys):
                yield page
        taken = 0
        for start, end in areas:
            first, last = start // self.page_size, -(-end // self.page_size)
            at = bisect_right(self._pfns, first - (1 << self._order), taken)
            taken = bisect_left(self._pfns, last, at)
            yield from (self._of_array(pfn * self.page_size) for pfn in self._pfns[at:taken])


def check(
    walk: TrackerWalk,
    role: Role | None,
    hwpoison: HwpoisonList | None,
    pages: Pages,
    report: Report,
    *,
    consumed: bool = False,
) -> Membership:
    """Report and return whether the tracker marks ``pages``, and what is wrong with it.

    A tracker that marks none of them is ``gone``: it is the incoming one of a running kernel, which
    has freed and reused its pages. Where the list was ``consumed``, the pages were freed in any
    case, so the tracker is ``gone`` unless all of it is intact.
    """
    preserved = walk.preserved
    if not walk.nodes and walk.absent:
        report.add(
            NODE_ABSENT,
            f"the tracker at 0x{walk.absent[0]:x} is not in the image; membership was not checked",
            walk.absent[0],
        )
        return Membership(None)
    some = islice(pages, MAX_FOUND)
    holds_any = any(preserved.block_around(p.phys) is not None for p in some)
    # Pages that are only absent from the image prove nothing.
    reused = bool(walk.damaged or walk.odd) or not walk.absent
    if consumed:
        lost = not walk.intact or any(preserved.block_around(p.phys) is None for p in pages)
    else:
        lost = not holds_any and reused and role != "out"
    if lost:
        _gone(walk, role, hwpoison, report)
        return Membership("gone")
    damage = [report.add(DAMAGED, defect.message, defect.phys) for defect in walk.damaged]
    for defect in walk.odd:
        report.add(DAMAGED, defect.message, defect.phys, "warning")
    for phys in walk.absent:
        report.add(NODE_ABSENT, f"tracker page 0x{phys:x} is not in the image", phys)
    if not walk.listed:
        report.add(UNLISTED, "this tracker cannot be listed, only asked for single blocks")
    unmarked = _check_marked(walk, pages, report)
    state: TrackerState = "partial" if unmarked or not walk.intact else "complete"
    return Membership(state, unmarked, damage[0] if damage else None)


def _gone(
    walk: TrackerWalk, role: Role | None, hwpoison: HwpoisonList | None, report: Report
) -> None:
    report.add(
        GONE,
        "the running kernel has freed the tracker's pages after boot; membership was not checked"
        if role == "in"
        else "the pages of the tracker hold something else, or a tracker that marks nothing of "
        "this handover; membership was not checked",
        next(iter(walk.nodes), None),
        "note" if role == "in" else "warning",
    )
    if hwpoison and hwpoison.pfns is not None:
        report.add(
            TRACKER_LOST,
            "the list reads soundly, but nothing proves that its pages were preserved",
            hwpoison.phys,
        )


def _blocks(pages: Pages, page_shift: int) -> Iterator[Page]:
    """Yield the pages, split into the blocks as which the kernel restores them."""
    for page in pages:
        if page.order and page.phys % (1 << (page_shift + page.order)):
            for phys, order in restored_as(page.phys, page.order, 1 << page_shift):
                yield page._replace(phys=phys, order=order)
        else:
            yield page


def _check_marked(walk: TrackerWalk, pages: Pages, report: Report) -> Unmarked | None:
    preserved, unmarked = walk.preserved, 0
    first: Unmarked | None = None
    for what, phys, order, restored in _blocks(pages, preserved.page_shift):
        if preserved.has(phys, order):
            continue
        around = preserved.block_around(phys)
        starts = preserved.block_at(phys) if restored else None
        if starts is not None:
            report.add(
                BLOCK_ORDER,
                f"{what} 0x{phys:x} starts a preserved block of order {starts}, its own is {order}",
                phys,
            )
            continue
        if around is not None and not restored:
            continue
        if around is None:
            found = report.add(
                UNMARKED,
                f"{what} 0x{phys:x} is not marked preserved",
                phys,
                "warning" if walk.absent else None,
            )
        else:
            found = report.add(
                MERGED,
                f"{what} 0x{phys:x} lies inside the preserved block of order {around[1]} "
                f"at 0x{around[0]:x}",
                phys,
            )
        first = first or Unmarked(found, around is None)
        unmarked += 1
        if unmarked >= MAX_FOUND:
            break
    return first
