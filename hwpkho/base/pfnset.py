"""Sets of PFNs, stored as disjoint ranges in ascending order.

A range costs the same however long it is. All ends and bounds are inclusive.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate, chain, compress, filterfalse, islice, repeat
from operator import add, ge, gt, le, ne, sub
from typing import TYPE_CHECKING

from hwpkho.base.listing import Listing, of_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: The largest entry that a list can have: 64 bits.
PFN_MAX = (1 << 64) - 1
#: Single PFNs are dense where at least one in so many pages is listed. They are then sorted by
#: marking each in a bytearray, one byte a page: a third of the time of sorted(), and less memory
#: (sorted() takes 40 bytes a PFN).
_DENSE = 32
#: PFNs marked at once, and pages whose marks are read at once.
_PART, _BLOCK = 1 << 13, 1 << 16
#: Where one set has so many times the runs of another, it is cut at each run of that one: sooner
#: done than sorting both.
_FEW = 16
#: The most runs in one part of :meth:`PfnSet.cuts`.
_RUNS = 1 << 10
#: Pages and ranges of several lists that are gathered before they are sorted. The lists of a fleet
#: share most pages: in a Python set each is sorted only once.
_GATHERED = 1 << 21


class PfnSet:
    """A set of PFNs.

    The parameters ``low`` and ``high`` of its methods are PFNs, both inclusive; runs that reach
    beyond them are clipped.

    Attributes:
        first: First PFN of each run, ascending, ``array('Q')``; no run touches the next.
        last: Last PFN of each, inclusive; may be the same object as ``first``.
    """

    __slots__ = ("first", "last")

    def __init__(self, first: array[int] | None = None, last: array[int] | None = None) -> None:
        self.first = array("Q") if first is None else first
        self.last = self.first if last is None else last

    def __bool__(self) -> bool:
        return bool(self.first)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PfnSet) and (self.first, self.last) == (other.first, other.last)

    def __hash__(self) -> int:
        return hash((self.first.tobytes(), self.last.tobytes()))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.first, self.last, strict=True)

    def __contains__(self, pfn: int) -> bool:
        i = bisect_left(self.last, pfn)
        return i < len(self.first) and self.first[i] <= pfn

    def __or__(self, other: PfnSet) -> PfnSet:
        if not (self and other):
            return self or other
        return in_at_least(1, (self, other))

    def __and__(self, other: PfnSet) -> PfnSet:
        few, many = sorted((self, other), key=PfnSet.run_count)
        if len(few.first) * _FEW < len(many.first):
            return many._within(few)
        return in_at_least(2, (self, other))

    def __sub__(self, other: PfnSet) -> PfnSet:
        return self & other.gaps() if self and other else self

    def _within(self, other: PfnSet) -> PfnSet:
        """Return what both sets have, at the cost of the runs of ``other``."""
        first, last = array("Q"), array("Q")
        for ends in other:
            begins, stops = self.columns(*ends)
            first += begins
            last += stops
        return PfnSet(first, last)

    def gaps(self) -> PfnSet:
        """Return every PFN that is not in this set."""
        first = [0, *map(add, self.last, repeat(1))]
        last = [*map(sub, self.first, repeat(1)), PFN_MAX]
        if first[-1] > PFN_MAX:
            del first[-1], last[-1]
        if last and last[0] < 0:
            del first[0], last[0]
        return PfnSet(array("Q", first), array("Q", last))

    def listing(self) -> Listing:
        """Return the PFNs as a list, ascending; it shares this set's arrays."""
        return Listing(self.first, self.last, count=self.pages())

    def kept_of(self, listing: Listing) -> Listing:
        """Return the PFNs of ``listing`` that are in this set, in the list's order."""
        if listing.last is listing.first:
            # A Python set answers several times as fast, where making it is worth it.
            known = set(self.listing()) if self.pages() <= listing.count else self
            return Listing(filter(known.__contains__, listing.first))
        return of_runs(run for ends in listing.runs() for run in self.runs(*ends))

    def runs(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield first and last PFN of each run between ``low`` and ``high``, ascending."""
        return zip(*self.columns(low, high), strict=True)

    def following(self, pfn: int) -> int | None:
        """Return the smallest PFN of this set not below ``pfn``, None where there is none."""
        i = bisect_left(self.last, pfn)
        return max(pfn, self.first[i]) if i < len(self.first) else None

    def gap_from(self, pfn: int) -> int:
        """Return the smallest PFN not below ``pfn`` that is not in this set; it may be 2^64."""
        return self.last[bisect_left(self.last, pfn)] + 1 if pfn in self else pfn

    def preceding(self, pfn: int) -> int | None:
        """Return the largest PFN of this set up to ``pfn``, None where there is none."""
        i = bisect_right(self.first, pfn)
        return min(pfn, self.last[i - 1]) if i else None

    def pages(self, low: int = 0, high: int = PFN_MAX) -> int:
        """Return how many PFNs are between ``low`` and ``high``."""
        first, last = self.columns(low, high)
        return sum(last) - sum(first) + len(first)

    def run_count(self, low: int = 0, high: int = PFN_MAX) -> int:
        """Return how many runs are between ``low`` and ``high``."""
        i, j = self._span(low, high)
        return j - i

    def cuts(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield bounds ``(low, high)`` of successive parts of this set, of up to 1024 runs each.

        No run reaches from one part into the next.
        """
        i, j = self._span(low, high)
        for at in range(i, j, _RUNS):
            end = min(at + _RUNS, j)
            yield max(low, self.first[at]), min(high, self.last[end - 1])

    def columns(self, low: int, high: int) -> tuple[array[int], array[int]]:
        """Return copies of :attr:`first` and :attr:`last` for the runs from ``low`` to ``high``."""
        i, j = self._span(low, high)
        first, last = self.first[i:j], self.last[i:j]
        if first:
            first[0] = max(first[0], low)
            last[-1] = min(last[-1], high)
        return first, last

    def _span(self, low: int, high: int) -> tuple[int, int]:
        i = bisect_left(self.last, low)
        return i, bisect_right(self.first, high, i) if low <= high else i


def pfn_set(pfns: Iterable[int]) -> PfnSet:
    """Return the set of ``pfns``, which may be in any order and repeat.

    A :class:`Listing` is not expanded: the cost is that of its ranges.
    """
    listing = pfns if isinstance(pfns, Listing) else Listing(pfns)
    first, last = listing.first, listing.last
    if last is first and _rises(first):
        return _joined(first, first)
    if last is first:
        first, last = _counted_up(first)
    if last is first:
        ordered = _distinct(first)
        return _joined(ordered, ordered)
    return _between(first, last)


def union(listings: Iterable[Listing]) -> PfnSet:
    """Return the PFNs that are in any of ``listings``."""
    listings = tuple(listings)
    if len(listings) == 1:
        return pfn_set(listings[0])
    whole, pages, first, last = PfnSet(), set[int](), array("Q"), array("Q")
    for listing in listings:
        for at in range(0, len(listing.first), _GATHERED):
            if listing.last is listing.first:
                pages.update(listing.first[at : at + _GATHERED])
            else:
                first += listing.first[at : at + _GATHERED]
                last += listing.last[at : at + _GATHERED]
            if len(pages) + len(first) > _GATHERED:
                whole |= _gathered(pages, first, last)
                pages, first, last = set(), array("Q"), array("Q")
    return whole | _gathered(pages, first, last)


def _gathered(pages: set[int], first: array[int], last: array[int]) -> PfnSet:
    """Return the set of ``pages`` and of the ranges ``first`` to ``last``, in any order."""
    ordered = array("Q", sorted(pages))
    return _joined(ordered, ordered) | _between(first, last)


def once(listings: Iterable[Listing]) -> Listing:
    """Return the PFNs that are in any of ``listings``, each once, ascending.

    For up to 2 Mi single pages this is faster than :func:`union`: it does not join runs.
    """
    listings = tuple(listings)
    if not _are_few_pages(listings):
        return union(listings).listing()
    columns = [listing.first for listing in listings]
    if not all(map(_rises, columns)):
        return Listing(sorted(set().union(*columns)))
    # sorted() merges ascending columns without comparing every pair (timsort).
    ordered = sorted(chain.from_iterable(columns))
    new = bytes(map(ne, islice(ordered, 1, None), ordered))
    return Listing(compress(ordered, b"\1" + new))


def in_all(listings: Sequence[Listing]) -> Listing:
    """Return the PFNs that are in each of ``listings``, each once, ascending."""
    if not _are_few_pages(listings):
        return in_at_least(len(listings), [*map(pfn_set, listings)]).listing()
    one, *others = (listing.first for listing in listings)
    return Listing(sorted(set(one).intersection(*others)))


def without(listing: Listing, others: Sequence[Listing]) -> Listing:
    """Return the PFNs of ``listing`` that are in none of ``others``, in its order.

    No PFN may be twice in ``listing``.
    """
    if listing.last is not listing.first or not _are_few_pages(others):
        left = pfn_set(listing) - union(others)
        return left.listing() if _rises(listing.first) else left.kept_of(listing)
    gone = set[int]().union(*(other.first for other in others))
    return Listing(filterfalse(gone.__contains__, listing.first))


def _are_few_pages(listings: Iterable[Listing]) -> bool:
    """Tell whether Python sets of the lists are made sooner than they are sorted."""
    pages = 0
    for listing in listings:
        if listing.last is not listing.first:
            return False
        pages += listing.count
    return pages <= _GATHERED


def distinct(listing: Listing) -> int:
    """Return how many different PFNs a list has."""
    pages = listing.first
    if not _are_few_pages([listing]):
        return pfn_set(listing).pages()
    if _rises(pages):
        return bytes(map(ne, islice(pages, 1, None), pages)).count(1) + bool(pages)
    return len(set(pages))  # a third of the time of sorting them


def in_any(sets: Iterable[PfnSet]) -> PfnSet:
    """Return the union of ``sets``."""
    return in_at_least(1, [one for one in sets if one])


def in_at_least(count: int, sets: Sequence[PfnSet]) -> PfnSet:
    """Return the PFNs that are in ``count`` or more of ``sets``; 1 is the union.

    A PFN is in ``count`` sets where ``i + count`` runs have begun and ``i`` have ended. So with all
    first PFNs sorted, and all last PFNs sorted, the result is the ranges from begin number
    ``i + count`` to end number ``i + 1``, counted from 1, for every ``i`` where that range is not
    empty.
    """
    first = _ascending(array("Q", chain.from_iterable(s.first for s in sets)))
    last = _ascending(array("Q", chain.from_iterable(s.last for s in sets)))
    first = first[count - 1 :]
    last = last[: len(first)]
    if count > 1:
        held = bytes(map(le, first, last))
        first, last = array("Q", compress(first, held)), array("Q", compress(last, held))
    return _joined(first, last)


def _between(first: array[int], last: array[int]) -> PfnSet:
    """Return the set of the ranges ``first`` to ``last``, in any order."""
    ordered = _ascending(first)
    return _joined(ordered, ordered if first == last else _ascending(last))


def _joined(first: array[int], last: array[int]) -> PfnSet:
    """Return the set of ranges whose columns are both ascending; they may touch and overlap."""
    if not first:
        return PfnSet()
    # Begin n + 1 starts a run of its own where it does not touch or overlap end n.
    gaps = bytes(map(gt, map(sub, islice(first, 1, None), last), repeat(1)))
    if gaps.count(1) == len(gaps):
        return PfnSet(first, last)
    return PfnSet(
        array("Q", compress(first, b"\1" + gaps)), array("Q", compress(last, gaps + b"\1"))
    )


def _counted_up(column: array[int]) -> tuple[array[int], array[int]]:
    """Return first and last PFNs of the runs in which each PFN is one more than the one before.

    Returns the column itself, twice, where most PFNs are runs of their own: there is less to sort
    only if runs are few.
    """
    begins = b"\1" + bytes(map(ne, islice(column, 1, None), map(add, column, repeat(1))))
    if 2 * begins.count(1) > len(column):
        return column, column
    ends = begins[1:] + b"\1"
    return array("Q", compress(column, begins)), array("Q", compress(column, ends))


def _rises(column: array[int]) -> bool:
    """Tell whether no value is less than the one before it."""
    return all(map(ge, islice(column, 1, None), column))


def _ascending(column: array[int]) -> array[int]:
    return column if _rises(column) else array("Q", sorted(column))


def _distinct(column: array[int]) -> array[int]:
    """Return the values of a column, ascending; a dense column comes without repeats."""
    base, high = min(column), max(column)
    if high - base >= len(column) * _DENSE:
        return array("Q", sorted(column))
    marks = bytearray(high - base + 1)
    for at in range(0, len(column), _PART):
        part = column[at : at + _PART].tolist()  # iterating over a list is faster
        for pfn in map(sub, part, repeat(base)):
            marks[pfn] = 1
    found = array("Q")
    for at in range(0, len(marks), _BLOCK):
        gaps = list(map(len, marks[at : at + _BLOCK].split(b"\1")))
        # A mark's position is the sum of the gaps before it plus the number of marks before it.
        places = range(base + at, base + at + len(gaps) - 1)
        found.extend(array("Q", map(add, accumulate(gaps), places)))
    return found
