"""Facts on what became of pages over a chain of lists, for text, pages and drawings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.badpages.sets import describe_history
from hwpkho.base.addresses import human_bytes
from hwpkho.report.diff import by_unit

if TYPE_CHECKING:
    from hwpkho.badpages.sets import Histories, History
    from hwpkho.commands.diff import Comparison
    from hwpkho.efi.compare import OneGrid

#: What :func:`hwpkho.badpages.sets.describe_history` returns, worst first.
FATES = ("lost", "came back and lost", "appeared and lost", "came back", "appeared", "kept")
#: The fates in which a bad page went missing from a list after it had been in one.
MISSING = frozenset(FATES[:4])


#: What became of a page in one list of a chain.
State = Literal["listed", "new", "lost", "absent"]
#: (Whether the list before has the page, whether this one has it) -> state.
_STATES: dict[tuple[bool, bool], State] = {
    (True, True): "listed",
    (False, True): "new",
    (True, False): "lost",
    (False, False): "absent",
}


class Life(NamedTuple):
    """What became of a run of pages.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        seen: Bit i is set if list i has it.
        fate: One of :data:`FATES`.
        units: The units of the EFI tables that cover the run, in words; empty for other lists.
    """

    first: int
    last: int
    seen: int
    fate: str
    units: str = ""


class Alike(NamedTuple):
    """All pages, or units, that were in the same lists.

    Attributes:
        seen: Bit i is set if list i has them.
        fate: One of :data:`FATES`.
        counted: How many there are, in words: ``2 PFNs``.
    """

    seen: int
    fate: str
    counted: str


class Total(NamedTuple):
    """How many pages, or units, had each fate, and the same in words."""

    fates: dict[str, int]
    words: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The lives of all pages.

    Attributes:
        lists: How many lists.
        totals: Of units and of pages if all lists are EFI tables with units, else of pages alone.
    """

    lists: int
    totals: tuple[Total, ...]
    _lives: Histories
    _grid: OneGrid | None
    _page_size: int

    def worst_first(self, *, kept: bool) -> list[Life]:
        """Return the lives, worst fate first, then ascending; with ``kept`` unchanged ones, too."""
        fates = {seen: describe_history(seen, self.lists) for seen in set(self._lives.seen)}
        ranks = {seen: FATES.index(fate) for seen, fate in fates.items()}
        wanted = (x for x in self._lives if kept or fates[x.seen] != "kept")
        return [self._life(x, fates[x.seen]) for x in sorted(wanted, key=lambda x: ranks[x.seen])]

    def alike(self) -> list[Alike]:
        """Return one entry for all pages with the same history, worst fate first, then largest."""
        what = "PFN" if self._grid is None else "unit"
        sizes: Counter[int] = Counter()
        for first, last, seen in self._lives:
            sizes[seen] += last - first + 1
        found = [
            Alike(seen, describe_history(seen, self.lists), f"{n} {what}{'s' * (n != 1)}")
            for seen, n in sizes.most_common()
        ]
        return sorted(found, key=lambda x: FATES.index(x.fate))

    def states(self, seen: int) -> list[State]:
        """Return the state in each list of a page with the history ``seen``."""
        there = [bool(seen >> n & 1) for n in range(self.lists)]
        return [_STATES[before, now] for before, now in pairwise((there[0], *there))]

    def _life(self, history: History, fate: str) -> Life:
        first, last, seen = history
        if self._grid is None:
            return Life(first, last, seen, fate)
        units = by_unit.unit_names(first, last).strip()
        return Life(*self._grid.pages(first, last, self._page_size), seen, fate, units)


def of(c: Comparison) -> Chain:
    """Return the lives of a chain: by unit if all lists are EFI tables with units, else by page."""
    n, pages, units = len(c.cases), c.histories(), c.unit_histories()
    by_page = _fates(pages, n)
    if c.grid is None or units is None:
        total = Total(by_page, _sentence(by_page, "no PFNs at all"))
        return Chain(n, (total,), pages, None, c.page_size)
    fates = _fates(units, n)
    size, base = human_bytes(c.grid.unit_size), c.grid.phys_base
    of_units = f"units of {size} from 0x{base:x}: {_sentence(fates, 'none at all')}"
    of_pages = f"PFNs: {_sentence(by_page, 'none at all')}"
    totals = (Total(fates, of_units), Total(by_page, of_pages))
    return Chain(n, totals, units, c.grid, c.page_size)


def _fates(lives: Histories, lists: int) -> dict[str, int]:
    """Return how many PFNs or units had each fate, worst first."""
    fates = dict.fromkeys(FATES, 0)
    for history in lives:
        fates[describe_history(history.seen, lists)] += history.last - history.first + 1
    return {fate: count for fate, count in fates.items() if count}


def _sentence(fates: dict[str, int], none: str) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in fates.items()) or none
