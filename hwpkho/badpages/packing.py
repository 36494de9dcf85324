"""Fits a list into a form that holds only a limited number of items.

First it joins neighbours over the smallest gaps, as long as the user allows the loss of the good
pages between them; then it leaves out the smallest items. Both steps are greedy, so the loss is
small but not always minimal. O(n log n).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate, compress, islice, repeat
from operator import add, itemgetter, sub
from typing import TYPE_CHECKING

from hwpkho.badpages.model import Loss
from hwpkho.base.pfnset import PfnSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def joined(
    bad: PfnSet, max_loss: int, fits: Callable[[PfnSet], bool], within: PfnSet | None = None
) -> PfnSet:
    """Join neighbours of ``bad`` until the set fits or ``max_loss`` is reached.

    Args:
        bad: The pages.
        max_loss: The most good pages that may be included.
        fits: Returns whether the form holds a set; it should be fast for far too many runs.
        within: The good pages that may be included; None: any.
    """
    if not max_loss or fits(bad):
        return bad
    sizes = array("Q", map(sub, islice(bad.first, 1, None), map(add, bad.last, repeat(1))))
    gaps: Sequence[int] = range(len(sizes))
    if within is not None:
        gaps = [i for i in gaps if within.pages(bad.last[i] + 1, bad.first[i + 1] - 1) == sizes[i]]
    order = sorted(gaps, key=sizes.__getitem__)
    allowed = bisect_right(list(accumulate(map(sizes.__getitem__, order))), max_loss)

    def closed(count: int) -> PfnSet:
        kept = bytearray(b"\1") * (len(sizes) + 2)  # one for each gap, and both ends of the list
        for i in order[:count]:
            kept[i + 1] = 0
        return PfnSet(
            array("Q", compress(bad.first, kept)),
            array("Q", compress(bad.last, islice(kept, 1, None))),
        )

    low, high = 0, allowed
    best = closed(high)
    if not fits(best):
        return best
    while high - low > 1:  # closed(low) does not fit, closed(high) does
        middle = (low + high) // 2
        tried = closed(middle)
        if fits(tried):
            high, best = middle, tried
        else:
            low = middle
    return best


def kept(sizes: Sequence[int], costs: Sequence[int], room: int) -> bytearray:
    """Choose items whose ``costs`` together are at most ``room``; return a byte for each item.

    Items with the fewest bad pages (``sizes``) are dropped first, among these the most expensive,
    among these the last. Those of them that fit after all are put back, in the opposite order. An
    item that costs nothing stays.
    """
    stays = bytearray(b"\1") * len(sizes)
    spare = room - sum(costs)
    if spare >= 0:
        return stays
    dropped = []
    for i in sorted(range(len(sizes)), key=lambda i: (sizes[i], -costs[i], -i)):
        if costs[i] > 0:
            stays[i] = 0
            dropped.append(i)
            spare += costs[i]
            if spare >= 0:
                break
    for i in reversed(dropped):
        if costs[i] <= spare:
            stays[i] = 1
            spare -= costs[i]
    return stays


def fitted(
    items: PfnSet, bad: PfnSet, costs: Callable[[PfnSet], Sequence[int]], room: int
) -> tuple[PfnSet, bytearray]:
    """Return ``items`` if they leave out fewer pages than ``bad`` unjoined, and what is kept."""
    tried = []
    for chosen in (items,) if len(items.first) == len(bad.first) else (items, bad):
        sizes = bad_in(chosen, bad)
        stays = kept(sizes, costs(chosen), room)
        if all(stays):
            return chosen, stays
        tried.append((sum(compress(sizes, stays)), chosen, stays))
    _, chosen, stays = max(reversed(tried), key=itemgetter(0))
    return chosen, stays


def runs_kept(items: PfnSet, stays: bytearray) -> PfnSet:
    """Return the runs of ``items`` whose byte is set."""
    return PfnSet(array("Q", compress(items.first, stays)), array("Q", compress(items.last, stays)))


def bad_in(items: PfnSet, bad: PfnSet) -> array[int]:
    """Return how many pages of ``bad`` each run of ``items`` contains.

    Every run of ``bad`` must lie in one of ``items``.
    """
    if len(items.first) == len(bad.first):
        return array("Q", map(add, map(sub, items.last, items.first), repeat(1)))
    return array("Q", map(bad.pages, items.first, items.last))


def lost(items: PfnSet, sizes: Sequence[int], stays: bytearray, left: int = 0) -> Loss:
    """Return the loss of writing only those ``items`` whose byte in ``stays`` is set.

    ``sizes`` are the bad pages of each item; ``left`` is how many others were left out before.
    """
    written, held = runs_kept(items, stays).pages(), sum(compress(sizes, stays))
    return Loss(written - held, left + sum(sizes) - held)
