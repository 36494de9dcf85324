"""Compares lists of PFNs: the difference of two, and the history of pages over many."""

from __future__ import annotations

import heapq
from array import array
from itertools import accumulate, chain, compress, islice, repeat
from operator import sub, xor
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import PFN_MAX, pfn_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet

#: Up to so many single PFNs, lists are compared as Python sets, which take 100 bytes for each PFN.
_HASHED = 1 << 21


class Difference(NamedTuple):
    """What changed between two lists.

    Attributes:
        removed: PFNs only in the first: bad memory that may be used again.
        added: PFNs only in the second.
        common: How many PFNs are in both.
    """

    removed: PfnSet
    added: PfnSet
    common: int

    @property
    def empty(self) -> bool:
        """Whether nothing changed."""
        return not self.removed and not self.added


def compare(before: Listing, after: Listing) -> Difference:
    """Return what changed; order and repeats do not matter."""
    if all(x.last is x.first and len(x.first) <= _HASHED for x in (before, after)):
        # For scattered pages this is several times as fast as sorting.
        old, new = set(before.first), set(after.first)
        removed, added = pfn_set(sorted(old - new)), pfn_set(sorted(new - old))
        return Difference(removed, added, len(old) - removed.pages())
    was, is_now = pfn_set(before), pfn_set(after)
    removed = was - is_now
    return Difference(removed, is_now - was, was.pages() - removed.pages())


class History(NamedTuple):
    """PFNs ``first`` to ``last``, inclusive; bit *n* of ``seen``: whether case *n* had them."""

    first: int
    last: int
    seen: int


class Histories:
    """Histories as columns, ascending; scattered lists have one for every page.

    Attributes:
        first: First PFN of each.
        last: Last PFN of each, inclusive.
        seen: Which cases had them, a bit for each case.
    """

    def __init__(self, first: array[int], last: array[int], seen: list[int]) -> None:
        self.first = first
        self.last = last
        self.seen = seen

    def __len__(self) -> int:
        return len(self.seen)

    def __iter__(self) -> Iterator[History]:
        return map(History, self.first, self.last, self.seen)


def histories(cases: Sequence[PfnSet]) -> Histories:
    """Return the runs of PFNs that were in the same cases; bit *n* is case *n*."""
    # The bit of a case changes where one of its runs begins and right behind its end.
    changes: dict[int, int] = {}
    for number, pfns in enumerate(cases):
        for ends in (pfns.first, [last + 1 for last in pfns.last]):
            before = map(changes.get, ends, repeat(0))
            changes.update(zip(ends, map(xor, before, repeat(1 << number)), strict=True))
    edges = sorted(changes)
    seen = list(accumulate(map(changes.__getitem__, edges), xor))
    return Histories(
        array("Q", compress(edges, seen)),
        array("Q", compress(map(sub, islice(edges, 1, None), repeat(1)), seen)),
        list(filter(None, seen)),
    )


def known_by(seen: int) -> list[int]:
    """Return the indices of the bits that are set in ``seen``."""
    return [n for n in range(seen.bit_length()) if seen >> n & 1]


#: What became of a page over several lists, worst first.
HISTORIES = ("lost", "came back and lost", "appeared and lost", "came back", "appeared", "kept")
#: The histories in which a bad page went missing from a list after it had been in one.
MISSING = frozenset(HISTORIES[:4])


def describe_history(seen: int, cases: int) -> str:
    """Return what happened to a PFN over ``cases`` cases: one of :data:`HISTORIES`."""
    there = [bool(seen >> n & 1) for n in range(cases)]
    gaps = "".join("1" if t else "0" for t in there).strip("0")
    if "0" in gaps:
        return "came back" if there[-1] else "came back and lost"
    if all(there):
        return "kept"
    if there[-1]:
        return "appeared"
    return "lost" if there[0] else "appeared and lost"


def first_seen(lists: Sequence[Listing]) -> Listing:
    """Return the distinct PFNs of all lists in the order of their first occurrence.

    :func:`hwpkho.base.ranges.paint` would divide a range also where one behind it ends.
    """
    if all(x.last is x.first for x in lists):
        return Listing(dict.fromkeys(chain.from_iterable(lists)))
    runs = chain.from_iterable(x.runs() for x in lists)
    entries = sorted((first, number, last) for number, (first, last) in enumerate(runs))
    parts: list[tuple[int, int, int]] = []
    open_entries: list[tuple[int, int]] = []  # heap of (number, last); the lowest number wins
    at = 0
    for first, number, last in [*entries, (PFN_MAX + 1, 0, 0)]:
        while open_entries and at < first:
            counts, end = open_entries[0]
            if end < at:
                heapq.heappop(open_entries)
                continue
            parts.append((counts, at, min(end, first - 1)))
            at = parts[-1][2] + 1
        at = first
        heapq.heappush(open_entries, (number, last))
    parts.sort()
    return of_runs((first, last) for _, first, last in parts)
