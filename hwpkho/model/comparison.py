"""Lists of PFNs as sets: what one has that the other lacks, and who knew what."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import compress, repeat
from operator import gt, ne, or_, sub
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.pfnset import sorted_unique

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed between two lists; each ``array('Q')`` ascending and distinct.

    Attributes:
        removed: Only in the first: known-bad memory back in circulation.
        added: Only in the second.
        common: How many are in both.
    """

    removed: array[int]
    added: array[int]
    common: int

    @property
    def empty(self) -> bool:
        """Whether nothing changed."""
        return not self.removed and not self.added


def compare(before: Iterable[int], after: Iterable[int]) -> Difference:
    """Return what changed; order and repeats do not count."""
    old, new = set(before), set(after)
    # Sets of numbers come out in long ascending parts, which sorting takes as they are.
    removed = array("Q", sorted(old - new))
    return Difference(removed, array("Q", sorted(new - old)), len(old) - len(removed))


class Life(NamedTuple):
    """PFNs ``first`` to ``last``, inclusive, and which of the cases had them, a bit for each."""

    first: int
    last: int
    seen: int


@dataclass(frozen=True, slots=True)
class Lives:
    """Lives as columns, ascending: scattered lists have as many as pages.

    Attributes:
        first: First PFN of each.
        last: Last PFN, inclusive.
        seen: Which of the cases had them, a bit for each.
    """

    first: array[int]
    last: array[int]
    seen: list[int]

    def __len__(self) -> int:
        return len(self.seen)

    def __iter__(self) -> Iterator[Life]:
        return map(Life, self.first, self.last, self.seen)


def lives(cases: Sequence[Collection[int]]) -> Lives:
    """Return the runs of PFNs that were in the same cases; bit *n* is case *n*."""
    found: dict[int, int] = {}
    for number, pfns in enumerate(cases):
        before = map(found.get, pfns, repeat(0))
        found.update(zip(pfns, map(or_, before, repeat(1 << number)), strict=True))
    pfns = sorted_unique(found)
    seen = list(map(found.__getitem__, pfns))
    gaps = map(gt, map(sub, pfns[1:], pfns), repeat(1))
    ends = bytes(map(or_, gaps, map(ne, seen[1:], seen)))
    starts = b"\1" + ends
    return Lives(
        array("Q", compress(pfns, starts)),
        array("Q", compress(pfns, ends + b"\1")),
        list(compress(seen, starts)),
    )


def known_by(seen: int) -> list[int]:
    """Return the numbers of the cases whose bits are set in ``seen``."""
    return [n for n in range(seen.bit_length()) if seen >> n & 1]


def fate(seen: int, cases: int) -> str:
    """Name the life of a PFN over ``cases`` cases: kept, appeared, lost, came back, or brief."""
    there = [bool(seen >> n & 1) for n in range(cases)]
    gaps = "".join("1" if t else "0" for t in there).strip("0")
    if "0" in gaps:
        return "came back" if there[-1] else "came back and lost"
    if all(there):
        return "kept"
    if there[-1]:
        return "appeared"
    return "lost" if there[0] else "appeared and lost"


def union(
    lists: Sequence[array[int]], *, in_order: bool = False, intersect: bool = False
) -> array[int]:
    """Return the distinct PFNs of all lists: ascending, or in the order first seen.

    With ``intersect`` only those that stand in every list.
    """
    if in_order:
        seen: dict[int, None] = {}
        for pfns in lists:
            seen.update(dict.fromkeys(pfns))
        if intersect:
            shared = set.intersection(*(set(x) for x in lists)) if lists else set()
            return array("Q", [p for p in seen if p in shared])
        return array("Q", seen)
    if intersect:
        return sorted_unique(set.intersection(*(set(x) for x in lists)) if lists else ())
    found: set[int] = set()
    for pfns in lists:
        found.update(pfns)
    return array("Q", sorted(found))
