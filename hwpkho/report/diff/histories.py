"""Facts on what became of pages over a chain of lists, for text, pages and drawings."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.badpages.sets import HISTORIES, describe_history
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.report.diff import by_unit

if TYPE_CHECKING:
    from hwpkho.badpages.sets import Histories, History
    from hwpkho.commands.diff import Comparison
    from hwpkho.efi.compare import OneGrid


#: What became of a page in one list of a chain.
State = Literal["listed", "new", "lost", "absent"]
#: (Whether the list before has the page, whether this one has it) -> state.
_STATES: dict[tuple[bool, bool], State] = {
    (True, True): "listed",
    (False, True): "new",
    (True, False): "lost",
    (False, False): "absent",
}


class PageHistory(NamedTuple):
    """The history of a run of pages over the chain.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        seen: Bit i is set if list i has it.
        history: One of :data:`hwpkho.badpages.sets.HISTORIES`.
        units: The units of the EFI tables that cover the run, in words; empty for other lists.
    """

    first: int
    last: int
    seen: int
    history: str
    units: str = ""


class Alike(NamedTuple):
    """All pages, or units, that were in the same lists.

    Attributes:
        seen: Bit i is set if list i has them.
        history: One of :data:`hwpkho.badpages.sets.HISTORIES`.
        counted: How many there are, in words: ``2 PFNs``.
    """

    seen: int
    history: str
    counted: str


class Total(NamedTuple):
    """How many pages, or units, had each history, and the same in words."""

    counts: dict[str, int]
    words: str


class Chain:
    """The histories of all pages.

    Attributes:
        lists: How many lists.
        totals: Of units and of pages if all lists are EFI tables with units, else of pages alone.
    """

    def __init__(
        self,
        lists: int,
        totals: tuple[Total, ...],
        histories: Histories,
        grid: OneGrid | None,
        page_size: int,
    ) -> None:
        self.lists, self.totals = lists, totals
        self._histories, self._grid, self._page_size = histories, grid, page_size

    def worst_first(self, *, kept: bool) -> list[PageHistory]:
        """Return the histories, worst first, then ascending; with ``kept`` unchanged ones, too."""
        words = {seen: describe_history(seen, self.lists) for seen in set(self._histories.seen)}
        ranks = {seen: HISTORIES.index(history) for seen, history in words.items()}
        wanted = (x for x in self._histories if kept or words[x.seen] != "kept")
        return [self._worded(x, words[x.seen]) for x in sorted(wanted, key=lambda x: ranks[x.seen])]

    def alike(self) -> list[Alike]:
        """Return one entry for all pages with the same history, worst first, then largest."""
        what = "PFN" if self._grid is None else "unit"
        sizes: Counter[int] = Counter()
        for first, last, seen in self._histories:
            sizes[seen] += last - first + 1
        found = [
            Alike(seen, describe_history(seen, self.lists), counted(n, what))
            for seen, n in sizes.most_common()
        ]
        return sorted(found, key=lambda x: HISTORIES.index(x.history))

    def states(self, seen: int) -> list[State]:
        """Return the state in each list of a page with the history ``seen``."""
        there = [bool(seen >> n & 1) for n in range(self.lists)]
        return [_STATES[before, now] for before, now in pairwise((there[0], *there))]

    def _worded(self, run: History, history: str) -> PageHistory:
        first, last, seen = run
        if self._grid is None:
            return PageHistory(first, last, seen, history)
        units = by_unit.unit_names(first, last).strip()
        return PageHistory(*self._grid.pages(first, last, self._page_size), seen, history, units)


def of(c: Comparison) -> Chain:
    """Return a chain's histories: by unit if all lists are EFI tables with units, else by page."""
    n, pages, units = len(c.cases), c.histories(), c.unit_histories()
    by_page = _counts(pages, n)
    if c.grid is None or units is None:
        total = Total(by_page, _sentence(by_page, "no PFNs at all"))
        return Chain(n, (total,), pages, None, c.page_size)
    unit_counts = _counts(units, n)
    size, base = human_bytes(c.grid.unit_size), c.grid.phys_base
    of_units = f"units of {size} from 0x{base:x}: {_sentence(unit_counts, 'none at all')}"
    of_pages = f"PFNs: {_sentence(by_page, 'none at all')}"
    totals = (Total(unit_counts, of_units), Total(by_page, of_pages))
    return Chain(n, totals, units, c.grid, c.page_size)


def _counts(histories: Histories, lists: int) -> dict[str, int]:
    """Return how many PFNs or units had each history, worst first."""
    counts = dict.fromkeys(HISTORIES, 0)
    for run in histories:
        counts[describe_history(run.seen, lists)] += run.last - run.first + 1
    return {history: n for history, n in counts.items() if n}


def _sentence(counts: dict[str, int], none: str) -> str:
    return ", ".join(f"{n} {history}" for history, n in counts.items()) or none
