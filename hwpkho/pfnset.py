"""Sets of PFNs: made once of a list in any order, then asked for what lies between two PFNs.

A scattered list has as many runs as pages, so runs are made where they are wanted, a part at a
time. All run ends and bounds are inclusive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from contextlib import suppress
from functools import cached_property
from itertools import accumulate, chain, compress, islice, repeat
from operator import add, gt, lt, sub
from typing import TYPE_CHECKING
from zlib import adler32

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: A list is dense where it has one PFN in so many pages. Marking each in a byte for every page is
#: a counting sort: half the time of sorting, and no more memory, which takes 40 bytes for a PFN.
_DENSE = 32
#: So many gaps show whether runs are long.
_FEW = 64
#: One PFN of so many is looked at for how large the largest may be.
_SAMPLE = 64
#: PFNs and runs handled together: what comes of them should stay in the processor's cache.
_PART, _RUNS = 1 << 13, 1 << 10
#: PFNs handled together: parts end at its multiples, or behind the run that lies across one. It is
#: a power of ten for whoever writes them in decimal.
BLOCK = 10_000
#: Marks whose sum is taken at once: no more than it can be.
_SUMMED = 65520
#: The largest entry that a list can have: 64 bits.
PFN_MAX = (1 << 64) - 1


class PfnSet(ABC):
    """A set of PFNs. ``low`` and ``high`` are PFNs, both inclusive; a run is cut where they are."""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return self.runs(0, PFN_MAX)

    def runs(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield first and last PFN of each run between ``low`` and ``high``, ascending."""
        cuts = (self.columns(*cut) for cut in self.cuts(low, high))
        return chain.from_iterable(zip(first, last, strict=True) for first, last in cuts)

    @abstractmethod
    def following(self, pfn: int) -> int | None:
        """Return the first PFN from ``pfn`` on, None where there is none."""

    @abstractmethod
    def preceding(self, pfn: int) -> int | None:
        """Return the last PFN up to ``pfn``, None where there is none."""

    @abstractmethod
    def pages(self, low: int = 0, high: int = PFN_MAX) -> int:
        """Return how many PFNs lie between ``low`` and ``high``."""

    @abstractmethod
    def run_count(self, low: int = 0, high: int = PFN_MAX) -> int:
        """Return how many runs lie between ``low`` and ``high``."""

    @abstractmethod
    def cuts(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield what is between ``low`` and ``high`` in parts of some thousand runs at most.

        No run goes on from one part into the next.
        """

    @abstractmethod
    def columns(self, low: int, high: int, less: int = 0) -> tuple[Iterable[int], Iterable[int]]:
        """Return the first and the last PFNs of the runs of one part, as :meth:`cuts` made it.

        ``less`` is subtracted from all of them.
        """


class RunColumns(PfnSet):
    """A set as columns of its runs.

    Args:
        first: First PFN of each run, ascending; there is a gap before each.
        last: Last PFN of each.
    """

    def __init__(self, first: array[int], last: array[int]) -> None:
        self._first, self._last = first, last

    def following(self, pfn: int) -> int | None:
        """See :meth:`PfnSet.following`."""
        i = bisect_left(self._last, pfn)
        return max(pfn, self._first[i]) if i < len(self._first) else None

    def preceding(self, pfn: int) -> int | None:
        """See :meth:`PfnSet.preceding`."""
        i = bisect_right(self._first, pfn)
        return min(pfn, self._last[i - 1]) if i else None

    def pages(self, low: int = 0, high: int = PFN_MAX) -> int:
        """See :meth:`PfnSet.pages`."""
        first, last = self.columns(low, high)
        return sum(last) - sum(first) + len(first)

    def run_count(self, low: int = 0, high: int = PFN_MAX) -> int:
        """See :meth:`PfnSet.run_count`."""
        i, j = self._span(low, high)
        return j - i

    def cuts(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """See :meth:`PfnSet.cuts`."""
        i, j = self._span(low, high)
        for at in range(i, j, _RUNS):
            end = min(at + _RUNS, j)
            yield max(low, self._first[at]), min(high, self._last[end - 1])

    def columns(self, low: int, high: int, less: int = 0) -> tuple[Sequence[int], Sequence[int]]:
        """See :meth:`PfnSet.columns`."""
        i, j = self._span(low, high)
        first, last = self._first[i:j], self._last[i:j]
        if first:
            first[0] = max(first[0], low)
            last[-1] = min(last[-1], high)
        if less:
            return [pfn - less for pfn in first], [pfn - less for pfn in last]
        return first, last

    def _span(self, low: int, high: int) -> tuple[int, int]:
        i = bisect_left(self._last, low)
        return i, bisect_right(self._first, high, i) if low <= high else i


class Marked(PfnSet):
    """A set as a byte for each page, 1 where its PFN is in it; for dense ones.

    Args:
        marks: The bytes, 0 or 1.
        base: PFN of the first.
    """

    def __init__(self, marks: bytearray, base: int) -> None:
        self._marks, self._base = marks, base

    def __reduce__(self) -> tuple[type[RunColumns], tuple[array[int], array[int]]]:
        """For another process the runs: there may be few in many marks."""
        first, last = array("Q"), array("Q")
        for cut in self.cuts(0, PFN_MAX):
            starts, ends = self.columns(*cut)
            first.extend(starts)
            last.extend(ends)
        return RunColumns, (first, last)

    def following(self, pfn: int) -> int | None:
        """See :meth:`PfnSet.following`."""
        at = max(0, pfn - self._base)
        found = self._marks.find(1, at, at - at % BLOCK + BLOCK)
        if found < 0:  # there may be a long way to go, and somebody who often asks
            i = bisect_right(self._filled, at)
            if i == len(self._filled):
                return None
            found = self._marks.find(1, self._filled[i])
        return found + self._base

    @cached_property
    def _filled(self) -> list[int]:
        """Where each block of marks begins that has any."""
        found: list[int] = []
        at = 0
        while (at := self._marks.find(1, at)) >= 0:
            found.append(at - at % BLOCK)
            at = found[-1] + BLOCK
        return found

    def preceding(self, pfn: int) -> int | None:
        """See :meth:`PfnSet.preceding`."""
        at = self._marks.rfind(1, 0, max(0, pfn - self._base + 1))
        return None if at < 0 else at + self._base

    def pages(self, low: int = 0, high: int = PFN_MAX) -> int:
        """See :meth:`PfnSet.pages`."""
        start, end = self._slice(low, high)
        with memoryview(self._marks)[start:end] as marks:
            # The lower half of this checksum (RFC 1950) is the sum of the bytes modulo 65521. It
            # is far faster than count() where marks and gaps mix, and never much slower.
            parts = range(0, len(marks), _SUMMED)
            return sum(adler32(marks[at : at + _SUMMED], 0) & 0xFFFF for at in parts)

    def run_count(self, low: int = 0, high: int = PFN_MAX) -> int:
        """See :meth:`PfnSet.run_count`."""
        start, end = self._slice(low, high)
        goes_on = self._marks.startswith(b"\1", start, end)
        return self._marks.count(b"\0\1", start, end) + goes_on

    def cuts(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """See :meth:`PfnSet.cuts`."""
        at, stop = self._slice(low, high)
        while (at := self._marks.find(1, at, stop)) >= 0:
            after = BLOCK - (self._base + at) % BLOCK
            end = self._marks.find(0, at + after, stop)
            if end < 0:
                end = stop
            yield self._base + at, self._base + end - 1
            at = end

    def columns(self, low: int, high: int, less: int = 0) -> tuple[Iterable[int], Iterable[int]]:
        """See :meth:`PfnSet.columns`."""
        start, end = self._slice(low, high)
        part, first = bytes(memoryview(self._marks)[start:end]), self._base + start - less
        if len(part) < 2 * BLOCK:  # longer ones are a long run
            gaps = _gaps(part)
            if gaps[:_FEW].count(0) <= _FEW >> 1:
                found = _places(gaps, first)
                gaps[0] = gaps[-1] = 1
                return compress(found, gaps), compress(found, islice(gaps, 1, None))
        return _long_runs(part, first)

    def _slice(self, low: int, high: int) -> tuple[int, int]:
        return max(0, low - self._base), max(0, high - self._base + 1)


def pfn_set(pfns: array[int]) -> PfnSet:
    """Return the set of ``pfns``, which stand in any order and may repeat."""
    marked = _marks(pfns) if pfns else None
    return Marked(*marked) if marked else sorted_set(sorted(pfns))


def sorted_set(pfns: Sequence[int]) -> PfnSet:
    """Return the set of an ascending sequence, which may repeat; in a few passes in C."""
    if not pfns:
        return RunColumns(array("Q"), array("Q"))
    rest = pfns[1:]
    gaps = bytes(map(gt, map(sub, rest, pfns), repeat(1)))
    first, last = array("Q", pfns[:1]), array("Q")
    if gaps.count(1) > len(gaps) >> 4:
        first.extend(compress(rest, gaps))
        last.extend(compress(pfns, gaps))
    else:
        at = gaps.find(1)
        while at >= 0:
            first.append(rest[at])
            last.append(pfns[at])
            at = gaps.find(1, at + 1)
    last.append(pfns[-1])
    return RunColumns(first, last)


def sorted_unique(pfns: Iterable[int]) -> array[int]:
    """Return the distinct values of ``pfns`` in ascending order as ``array('Q')``.

    An array that is so already is returned itself.
    """
    given = pfns if isinstance(pfns, array) else array("Q", pfns)
    if all(map(lt, given, islice(given, 1, None))):
        return given
    marked = _marks(given)
    if marked is None:
        ordered = sorted(given)
        return array("Q", (ordered[0], *compress(ordered[1:], map(sub, ordered[1:], ordered))))
    marks, base = marked
    found = array("Q")
    for at in range(0, len(marks), BLOCK):
        found.extend(_places(_gaps(bytes(marks[at : at + BLOCK])), base + at))
    return found


def _marks(pfns: array[int]) -> tuple[bytearray, int] | None:
    """Return a 1 for each of ``pfns``, 0 for others, and the PFN of the first; None if sparse."""
    limit = len(pfns) * _DENSE
    # To find the largest takes a third as long as marking: some of them mostly tell.
    some = max(pfns[::_SAMPLE])
    if some < limit:
        with suppress(IndexError):
            return _marked(pfns, 0, min(some + (some >> 6) + 1, limit)), 0
    base, high = min(pfns), max(pfns)
    return None if high - base >= limit else (_marked(pfns, base, high - base + 1), base)


def _marked(pfns: array[int], base: int, size: int) -> bytearray:
    marks = bytearray(size)
    for at in range(0, len(pfns), _PART):
        part = pfns[at : at + _PART].tolist()  # a list is gone through faster than an array
        for pfn in part if not base else map(sub, part, repeat(base)):
            marks[pfn] = 1
    del marks[marks.rfind(1) + 1 :]
    return marks


def _gaps(marks: bytes) -> list[int]:
    """Return how many 0 stand before each 1, and behind the last."""
    return list(map(len, marks.split(b"\1")))


def _places(gaps: list[int], base: int) -> list[int]:
    """Return the PFNs of marks by the gaps before them; the marks begin at PFN ``base``."""
    # Before a mark stand the gaps up to it and the marks before it.
    return list(map(add, accumulate(gaps), range(base, base + len(gaps) - 1)))


def _long_runs(marks: bytes, base: int) -> tuple[list[int], list[int]]:
    """Return first and last PFNs of the runs of 1; for few, or long ones."""
    starts: list[int] = []
    ends: list[int] = []
    end = 0
    while (start := marks.find(1, end)) >= 0:
        end = marks.find(0, start)
        if end < 0:
            end = len(marks)
        starts.append(base + start)
        ends.append(base + end - 1)
    return starts, ends
