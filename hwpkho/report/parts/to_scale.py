"""Lays out the physical address space to scale, for pictures in characters and in SVG.

Every row stands for the same number of bytes, every cell for the same part of a row. The amount of
RAM decides the scale. Many equal rows of anything but RAM are folded into one with their number,
and empty rows are left out. Nothing is too small to be shown: one bad page of a terabyte marks its
cell.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.ranges import union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet

#: Rows that RAM should take at most; rows of a picture at most.
RAM_ROWS = 12
MAX_ROWS = 30
#: The smallest cell, bytes.
_PAGE = 4096
#: Equal rows of something other than RAM that are shown one by one; more are folded.
_UNFOLDED = 4
#: Kinds of memory that are left out of a picture of bad pages, in rows without any.
_DULL = frozenset(("firmware", "device", "retired", ""))
#: An end beyond every address.
_NEVER = 1 << 65


#: Kinds of memory → names, in the order of a legend.
MEMORY = {
    "ram": "RAM",
    "in-use": "RAM in use",
    "firmware": "firmware, reserved",
    "device": "device memory",
    "retired": "unusable",
    "unknown": "lost lines",
}
#: Kinds of bad pages, by what becomes of them → names, in the order of a legend.
BAD = {
    "forgotten": "forgotten",
    "stays": "bad, stays in use",
    "in-scratch": "bad, in scratch",
    "replays": "bad, replays",
    "reserved": "bad, kept out of use",
    "left": "bad, not the kernel's",
    "bad": "bad, not judged",
}


class Run(NamedTuple):
    """A range of one kind: first byte, last byte (inclusive), kind."""

    start: int
    end: int
    kind: str


class Marks(NamedTuple):
    """Pages that mark a cell even if they fill a millionth of it.

    Attributes:
        kind: What they are, of :data:`BAD` or an owner's.
        pfns: A set that has them, in units of ``unit`` bytes; only those in ``stretches`` count.
        stretches: First and last unit (inclusive), both in ``pfns``; ascending and disjoint.
        unit: Bytes.
    """

    kind: str
    pfns: PfnSet
    stretches: Sequence[tuple[int, int]]
    unit: int

    def following(self, start: int) -> int:
        """Return the first marked byte from byte ``start`` on, 2^65 if there is none."""
        at = start // self.unit
        i = bisect_left(self.stretches, at, key=itemgetter(1))
        if i == len(self.stretches):
            return _NEVER
        pfn = self.pfns.following(max(at, self.stretches[i][0]))
        return _NEVER if pfn is None else max(start, pfn * self.unit)

    def until(self, start: int) -> int:
        """Return the first byte after the marked ones at byte ``start``, which must be marked."""
        at = start // self.unit
        i = bisect_left(self.stretches, at, key=itemgetter(1))
        return min(self.pfns.gap_from(at), self.stretches[i][1] + 1) * self.unit

    def preceding(self, end: int) -> int:
        """Return the first byte of the last marked unit that begins before ``end``, or -1."""
        at = (end - 1) // self.unit
        i = bisect_right(self.stretches, at, key=itemgetter(0)) - 1
        if i < 0:
            return -1
        pfn = self.pfns.preceding(min(at, self.stretches[i][1]))
        return -1 if pfn is None else pfn * self.unit

    def clipped(self, start: int, end: int) -> Marks:
        """Return the marks on units that bytes ``start`` to ``end``, exclusive, touch."""
        low, high = start // self.unit, (end - 1) // self.unit
        kept = []
        for i in range(bisect_left(self.stretches, low, key=itemgetter(1)), len(self.stretches)):
            a, b = self.stretches[i]
            if a > high:
                break
            first, last = self.pfns.following(max(a, low)), self.pfns.preceding(min(b, high))
            if first is not None and last is not None and first <= last:
                kept.append((first, last))
        return self._replace(stretches=kept)

    def within(self, start: int, end: int) -> int:
        """Return how many marked units bytes ``start`` to ``end``, exclusive, touch."""
        low, high = start // self.unit, (end - 1) // self.unit
        i = bisect_left(self.stretches, low, key=itemgetter(1))
        found = 0
        while i < len(self.stretches) and self.stretches[i][0] <= high:
            first, last = self.stretches[i]
            found += self.pfns.pages(max(first, low), min(last, high))
            i += 1
        return found


class Layer(NamedTuple):
    """One band of a picture.

    Attributes:
        runs: Ascending and disjoint.
        marks: Drawn over the runs; of several in a cell the first in the sequence is shown.
    """

    runs: Sequence[Run] = ()
    marks: Sequence[Marks] = ()

    def at(self, low: int) -> tuple[str, int]:
        """Return the kind shown at byte ``low`` ("" for nothing), and where it ends (exclusive)."""
        until = _NEVER
        for m in self.marks:
            following = m.following(low)
            if following <= low:
                return m.kind, min(until, m.until(low))
            until = min(until, following)
        i = bisect_left(self.runs, low, key=attrgetter("end"))
        if i == len(self.runs):
            return "", until
        run = self.runs[i]
        if run.start > low:
            return "", min(until, run.start)
        return run.kind, min(until, run.end + 1)

    def cells(self, low: int, size: int, width: int) -> Cells:
        """Return ``width`` cells of ``size`` bytes from byte ``low`` on.

        A cell shows the first of the marks in it, or else the kind of run that fills most of it;
        it is empty only if nothing at all is in it.
        """
        kinds = self._beneath(low, size, width)
        marked, end = list[str | None]([None]) * width, low + width * size
        for m in self.marks:
            at = m.following(low)
            while at < end:
                cell = (at - low) // size
                marked[cell] = marked[cell] or m.kind
                at = m.following(low + (cell + 1) * size)
        return _folded(mark or kind for mark, kind in zip(marked, kinds, strict=True))

    def _beneath(self, low: int, size: int, width: int) -> list[str]:
        """Return the kinds of the cells by the runs alone, all cells within one run at once."""
        runs, kinds = self.runs, list[str]()
        i = bisect_left(runs, low, key=attrgetter("end"))
        while len(kinds) < width:
            start = low + len(kinds) * size
            stop = start + size
            while i < len(runs) and runs[i].end < start:
                i += 1
            if i == len(runs):
                kinds += [""] * (width - len(kinds))
            elif runs[i].start >= stop:
                kinds += [""] * min((runs[i].start - start) // size, width - len(kinds))
            elif runs[i].start <= start and runs[i].end >= stop - 1:
                whole = (runs[i].end + 1 - start) // size
                kinds += [runs[i].kind] * min(whole, width - len(kinds))
            else:
                kinds.append(_most(runs, i, start, stop))
        return kinds

    def clipped(self, start: int, end: int) -> Layer:
        """Return the runs and marks from byte ``start`` to ``end``, exclusive."""
        runs = [
            Run(max(r.start, start), min(r.end, end - 1), r.kind)
            for r in self.runs
            if r.start < end and r.end >= start
        ]
        marks = (m.clipped(start, end) for m in self.marks)
        return Layer(runs, [m for m in marks if m.stretches])

    def last(self) -> int:
        """Return the last byte of runs and marks, -1 without any, at most 2^64 - 1."""
        ends = [self.runs[-1].end] if self.runs else []
        ends += [(m.stretches[-1][1] + 1) * m.unit - 1 for m in self.marks if m.stretches]
        return min(max(ends, default=-1), PHYS_END - 1)


#: The cells of a band: kind ("" for nothing) and number of each run of equal cells.
Cells = tuple[tuple[str, int], ...]


class Row(NamedTuple):
    """A row, or several equal ones.

    Attributes:
        number: Number of the first, counted from address 0.
        times: How many rows it stands for.
        bands: The cells of each layer, from the lowest address.
    """

    number: int
    times: int
    bands: tuple[Cells, ...]


class Layout(NamedTuple):
    """The rows of a picture, to be drawn elsewhere.

    Attributes:
        size: Bytes of a row.
        width: Cells of a row.
        rows: Ascending.
        end: The last byte to show, -1 for an empty picture.
    """

    size: int
    width: int
    rows: tuple[Row, ...]
    end: int

    @property
    def cell(self) -> int:
        """Bytes of a cell."""
        return self.size // self.width

    def span(self, row: Row) -> tuple[int, int]:
        """Return first byte and end (exclusive) of a row, or of all rows that it stands for."""
        return row.number * self.size, (row.number + row.times) * self.size

    def kinds(self) -> set[str]:
        """Return all kinds that the picture shows, "" for nothing among them."""
        return {kind for row in self.rows for cells in row.bands for kind, _ in cells}


def lay_out(layers: Sequence[Layer], width: int, *, ram: bool = False) -> Layout:
    """Return rows of ``width`` cells; a cell is 4 KiB times a power of 2.

    The RAM of the first layer decides the scale. Without layers there are no rows. With ``ram``,
    rows without RAM or marks are left out, and equal rows of RAM are folded.
    """
    if not layers:
        return Layout(width * _PAGE, width, (), -1)
    wanted = sum(r.end - r.start + 1 for r in layers[0].runs if r.kind in ("ram", "in-use"))
    size = width * _PAGE
    while size < PHYS_END and (size * RAM_ROWS < wanted or not _fits(layers, size, width, ram)):
        size *= 2
    last = max(layer.last() for layer in layers)
    return Layout(size, width, tuple(_rows(layers, size, width, ram)), last)


def _fits(layers: Sequence[Layer], size: int, width: int, ram: bool) -> bool:
    """Tell whether the picture has at most ``MAX_ROWS``; stops at the first row too many."""
    return all(i < MAX_ROWS for i, _ in enumerate(_rows(layers, size, width, ram)))


def _rows(layers: Sequence[Layer], size: int, width: int, ram: bool) -> Iterator[Row]:
    """Yield the rows to show, equal ones folded or one by one, without empty ones."""
    for row in _joined(_stretches(layers, size, width)):
        kinds = {kind for cells in row.bands for kind, _ in cells}
        if (_DULL if ram else {""}).issuperset(kinds):
            continue
        of_ram = row.bands[0][0][0] == "ram"
        if row.times > (1 if ram else MAX_ROWS if of_ram else _UNFOLDED):
            yield row
        else:
            for number in range(row.number, row.number + row.times):
                yield Row(number, 1, row.bands)


def _joined(stretches: Iterator[Row]) -> Iterator[Row]:
    """Yield the rows, neighbours joined if each band has one kind, the same in both."""
    row = next(stretches, None)
    if row is None:
        return
    for following in stretches:
        if following.bands == row.bands and all(len(cells) == 1 for cells in row.bands):
            row = row._replace(times=row.times + following.times)
        else:
            yield row
            row = following
    yield row


def _stretches(layers: Sequence[Layer], size: int, width: int) -> Iterator[Row]:
    """Yield each row in which something begins or ends, and the uniform rows between as one."""
    number = 0
    last = max(layer.last() for layer in layers) // size
    while number <= last:
        low = number * size
        looks = [layer.at(low) for layer in layers]
        until = min(end for _, end in looks)
        rows = min(until // size, last + 1) - number
        if rows >= 1:
            yield Row(number, rows, tuple(((kind, width),) for kind, _ in looks))
            number += rows
        else:
            cells = (layer.cells(low, size // width, width) for layer in layers)
            yield Row(number, 1, tuple(cells))
            number += 1


def _most(runs: Sequence[Run], i: int, start: int, stop: int) -> str:
    """Return the kind of most bytes from ``start`` to ``stop`` (exclusive), from run ``i`` on."""
    shares: dict[str, int] = {}
    while i < len(runs) and runs[i].start < stop:
        first, last, what = runs[i]
        shares[what] = shares.get(what, 0) + min(last + 1, stop) - max(start, first)
        i += 1
    return max(shares, key=lambda kind: shares[kind], default="")


def _folded(kinds: Iterable[str]) -> Cells:
    return tuple((kind, len([*group])) for kind, group in groupby(kinds))


def joined(ranges: Iterable[tuple[int, int, str]]) -> list[Run]:
    """Return ranges of bytes (ascending, ends inclusive) as runs, neighbours of a kind joined."""
    found: list[Run] = []
    for start, end, kind in ranges:
        if found and found[-1].kind == kind and found[-1].end + 1 == start:
            found[-1] = Run(found[-1].start, end, kind)
        else:
            found.append(Run(start, end, kind))
    return found


def windows(layout: Layout, marks: Sequence[Marks], most: int) -> list[tuple[int, int]]:
    """Return up to ``most`` ranges worth a close-up: bytes around groups of marks, end exclusive.

    If there are more groups, or one spreads over several rows of the picture, the rows with marks
    are the ranges, chosen in the order of ``marks``. A small group gets a range that fills the rows
    of a picture with a page in each cell.
    """
    found = list(islice(_clusters(marks, 4 * layout.cell), most + 1))
    if len(found) > most or any(_spread(marks, *ends, layout.size) for ends in found):
        found = []
        for m in marks:
            for row in layout.rows:
                start, end = layout.span(row)
                first, last = m.following(start), m.preceding(end)
                if start <= first <= last < end and len(found) < most:
                    found.append((start, end))
            found = list(dict.fromkeys(found))
        return sorted(found)
    aligned = layout.width * _PAGE
    least = (RAM_ROWS - 2) * aligned
    grown = []
    for start, end in found:
        beside = max(least - (end - start), 0) // 2
        grown.append((max(start - beside, 0) // aligned * aligned, end + beside))
    return union(grown)


def _last_of_run(marks: Marks, end: int) -> int:
    """Return the first byte of the last unit of the last run that begins before ``end``, or -1."""
    at = marks.preceding(end)
    return at if at < 0 else marks.until(at) - marks.unit


def _spread(marks: Sequence[Marks], start: int, end: int, row: int) -> bool:
    """Tell whether a group of marks is longer than ``row`` bytes and not a single run."""
    whole = (m.following(start) <= start and m.until(start) >= end for m in marks)
    return end - start > row and not any(whole)


def _clusters(marks: Sequence[Marks], gap: int) -> Iterator[tuple[int, int]]:
    """Yield start and end (exclusive) of groups of marks, at least ``gap`` bytes apart."""
    start = min((m.following(0) for m in marks), default=_NEVER)
    unit = max((m.unit for m in marks), default=1)
    while start < PHYS_END:
        end = start
        while (further := max(_last_of_run(m, end + unit + gap) for m in marks)) > end:
            end = further
        yield start, end + unit
        start = min(m.following(end + unit) for m in marks)
