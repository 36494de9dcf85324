"""The PFNs of a list in the list's order; a range is stored as a range, not page by page."""

from __future__ import annotations

from array import array
from itertools import chain, islice
from operator import gt, ne
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

#: The most PFNs a list may have, ranges counted in full: 64 GiB of bad 4 KiB pages. The array that
#: encode writes takes 128 MiB for so many.
MAX_PFNS = 1 << 24

#: PFNs handed out at once where a list is written.
_PART = 1 << 14


class Listing:
    """PFNs in the order of a list, repeats kept, as the first and last PFN of each range.

    Attributes:
        first: First PFN of each range, ``array('Q')``.
        last: Last PFN of each, inclusive; the same object as ``first`` where every range is one
            page.
        count: Number of PFNs, repeats included. It may exceed what ``len()`` can return, until the
            caller has checked it against ``MAX_PFNS``.
    """

    __slots__ = ("count", "first", "last")

    def __init__(
        self,
        first: Iterable[int] = (),
        last: array[int] | None = None,
        *,
        count: int | None = None,
    ) -> None:
        """Store the ranges; without ``last`` each PFN of ``first`` is a range of one page.

        A caller that passes ``count``, the number of PFNs, vouches for the ranges. Otherwise raises
        ValueError where a range ends before it starts or the columns differ in length.
        """
        self.first = first if isinstance(first, array) else array("Q", first)
        self.last = self.first if last is None or last == self.first else last
        self.count = len(self.first) if count is None else count
        if self.last is not self.first and count is None:
            if len(self.last) != len(self.first) or any(map(gt, self.first, self.last)):
                raise ValueError("a range ends before it starts")
            self.count += sum(self.last) - sum(self.first)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        if self.last is self.first:
            return iter(self.first)
        return chain.from_iterable(self._pieces())

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield first and last PFN (inclusive) of each range, in order."""
        return zip(self.first, self.last, strict=True)

    def touching(self, low: int, high: int) -> Listing:
        """Return the ranges that have a PFN between ``low`` and ``high`` (inclusive), in order."""
        if self.last is self.first:
            return Listing([pfn for pfn in self.first if low <= pfn <= high])
        return of_runs(run for run in self.runs() if run[0] <= high and run[1] >= low)

    def array(self) -> array[int]:
        """Return every PFN as ``array('Q')``; do not change it, it may be :attr:`first` itself."""
        if self.last is self.first:
            return self.first
        words = array("Q")
        for piece in self._pieces():
            words.extend(piece)
        return words

    def tolist(self) -> list[int]:
        """Return every PFN, in order."""
        return list(self)

    def _pieces(self) -> Iterator[Iterable[int]]:
        """Yield the PFNs in slices of single pages and ranges: scattered lists are mostly pages."""
        longer = bytes(map(ne, self.first, self.last))
        at, end = 0, longer.find(1)
        while end >= 0:
            yield self.first[at:end]
            yield range(self.first[end], self.last[end] + 1)
            at = end + 1
            end = longer.find(1, at)
        yield self.first[at:]


def of_runs(runs: Iterable[tuple[int, int]]) -> Listing:
    """Return the list of the ranges ``(first, last)``, both inclusive, in their order."""
    first, last = array("Q"), array("Q")
    for low, high in runs:
        first.append(low)
        last.append(high)
    return Listing(first, last)


def parts(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield ``items`` in lists of up to 16384, so that a list of millions is written in pieces."""
    following = iter(items)
    while part := list(islice(following, _PART)):
        yield part


def joined(items: Iterable[str]) -> Iterator[str]:
    """Yield ``",".join(items)`` in pieces."""
    before = ""
    for part in parts(items):
        yield before + ",".join(part)
        before = ","
