"""The algebra of ranges ``(start, end)``, ``end`` exclusive: of bytes, frames or whatever else.

Who has inclusive ends converts them at the edge. Large sets of PFNs are :mod:`hwpkho.base.pfnset`:
the same in arrays of 64-bit words, which cannot hold an exclusive end of 2^64.
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
    """Yield the union of ranges that come in the order of their starts: ascending and disjoint.

    Those that touch become one; empty ones are left out.
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
    """Return the union of ranges in any order, ascending and disjoint; see :func:`joined`."""
    return list(joined(sorted(ranges)))


def intersection(left: Iterable[Range], right: Iterable[Range]) -> Iterator[Range]:
    """Yield what two unions share; both ascend and are disjoint in themselves, as the result is."""
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
    """Yield what is in ``left`` and not in ``right``; both ascend and are disjoint in themselves.

    A range of ``left`` that touches the next one stays apart from it.
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
    """Return which of ascending, disjoint ranges holds ``at``, None where none does."""
    i = bisect_right(ranges, at, key=itemgetter(0)) - 1
    return ranges[i] if i >= 0 and at < ranges[i][1] else None


def touches(ranges: Sequence[Range], start: int, end: int) -> bool:
    """Tell whether ascending, disjoint ranges have a part of ``start`` to before ``end``."""
    i = bisect_left(ranges, end, key=itemgetter(0)) - 1
    return i >= 0 and ranges[i][1] > start


def paint(
    layers: Sequence[tuple[int, int, int]], met: Callable[[int, int], None] | None = None
) -> Iterator[tuple[int, int, int]]:
    """Yield what is seen of layers ``(start, end, priority)`` painted over one another.

    Of the layers at a place the one of the highest priority is seen, of equal ones the one given
    last. Yields ``(start, end, number of the layer)``, ascending and disjoint, for every stretch
    between two edges. ``met(seen, number)`` is called for a layer that begins where another one is
    seen.
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
