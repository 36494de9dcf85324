"""The algebra of ranges ``(start, end)``, ``end`` exclusive, of bytes, frames or anything else.

Callers with inclusive ends convert them. For large sets of PFNs there is
:mod:`hwpkho.base.pfnset`, in arrays of 64-bit words, which cannot hold an exclusive end of 2^64.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Range = tuple[int, int]


def joined(ascending: Iterable[Range]) -> Iterator[Range]:
    """Yield the union of ranges that are sorted by start, as ascending and disjoint ranges.

    Ranges that touch become one; empty ranges are dropped.
    """
    start = end = -1
    for first, past in ascending:
        if first >= past:
            continue
        if first > end:
            if end > start:
                yield start, end
            start, end = first, past
        elif past > end:
            end = past
    if end > start:
        yield start, end


def union(ranges: Iterable[Range]) -> list[Range]:
    """Return the union of ranges in any order, as ascending and disjoint ranges."""
    return list(joined(sorted(ranges)))


def intersection(left: Iterable[Range], right: Iterable[Range]) -> Iterator[Range]:
    """Yield what is in both; each argument is ascending and disjoint, and so is the result."""
    ours, theirs = iter(left), iter(right)
    one, two = next(ours, None), next(theirs, None)
    while one and two:
        start, end = max(one[0], two[0]), min(one[1], two[1])
        if start < end:
            yield start, end
        if one[1] <= two[1]:
            one = next(ours, None)
        else:
            two = next(theirs, None)


def difference(left: Iterable[Range], right: Iterable[Range]) -> Iterator[Range]:
    """Yield what is in ``left`` and not in ``right``; each is ascending and disjoint.

    Ranges of ``left`` that touch are not joined.
    """
    holes = iter(right)
    hole = next(holes, None)
    for at, end in left:
        while hole is not None:
            low, past = hole
            if low >= end:
                break
            if low > at:
                yield at, low
            if past > at:
                at = past
            if at >= end:
                break
            hole = next(holes, None)
        if at < end:
            yield at, end


def holding(ranges: Sequence[Range], at: int) -> Range | None:
    """Return the one of ascending, disjoint ranges that contains ``at``, None where none does."""
    i = bisect_right(ranges, at, key=itemgetter(0)) - 1
    return ranges[i] if i >= 0 and at < ranges[i][1] else None


def touches(ranges: Sequence[Range], start: int, end: int) -> bool:
    """Tell whether ascending, disjoint ranges overlap ``start`` to ``end``, ``end`` exclusive."""
    i = bisect_left(ranges, end, key=itemgetter(0)) - 1
    return i >= 0 and ranges[i][1] > start


def paint(
    layers: Sequence[tuple[int, int, int]], met: Callable[[int, int], None] | None = None
) -> Iterator[tuple[int, int, int]]:
    """Yield which layer is on top where layers ``(start, end, priority)`` overlap.

    The layer of the highest priority is on top, among equals the one given last. Yields ``(start,
    end, index of the layer)``, ascending and disjoint, for every stretch between two edges that has
    a layer. ``met(top, index)`` is called for a layer that begins where ``top`` is on top.
    """
    order = [i for i, layer in enumerate(layers) if layer[0] < layer[1]]
    order.sort(key=lambda i: layers[i][0])
    edges = sorted({edge for i in order for edge in layers[i][:2]})
    heap: list[tuple[int, int]] = []
    following = 0
    for at, until in pairwise(edges):
        while heap and layers[-heap[0][1]][1] <= at:
            heapq.heappop(heap)
        while following < len(order) and layers[order[following]][0] <= at:
            i = order[following]
            if met and heap:
                met(-heap[0][1], i)
            heapq.heappush(heap, (-layers[i][2], -i))
            following += 1
        if heap:
            yield at, until, -heap[0][1]
