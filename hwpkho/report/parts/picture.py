"""The physical address space drawn to scale with plain characters.

Every row shows the same number of bytes, every character of a row the same part of it. The scale
is chosen by the RAM; many rows of nothing, or of anything but RAM, are folded into one line that
says how many they are.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import PHYS_END, human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.report.parts.paint import Paint

#: Characters in a row; rows that RAM should take; the most lines that a picture may take.
CELLS = 48
RAM_ROWS = 12
MAX_LINES = 30

#: So many uniform rows of something other than RAM are drawn one by one; of nothing, one.
_UNFOLDED = 4


class Run(NamedTuple):
    """A range of one kind: first byte, last byte (inclusive), kind."""

    start: int
    end: int
    kind: str


class Glyphs(NamedTuple):
    """What a kind looks like and is called; ``style`` is one of Paint's."""

    block: str
    plain: str
    style: str
    name: str


class Marks(NamedTuple):
    """Ranges that are seen in a cell even if they fill a millionth of it.

    What ``pfns`` has in the ``stretches``, ascending, each from one of its PFNs to another
    (inclusive), in units of ``unit`` bytes; ``glyphs`` is what it looks like and is called.
    """

    glyphs: Glyphs
    pfns: PfnSet
    stretches: Sequence[tuple[int, int]]
    unit: int

    def following(self, start: int) -> int:
        """Return the first marked byte from ``start`` on, 2^65 where there is none."""
        at = start // self.unit
        i = bisect_left(self.stretches, at, key=itemgetter(1))
        if i == len(self.stretches):
            return 1 << 65
        pfn = self.pfns.following(max(at, self.stretches[i][0]))
        return 1 << 65 if pfn is None else max(start, pfn * self.unit)

    def until(self, start: int) -> int:
        """Return the first byte behind the marked ones at ``start``, which is one."""
        at = start // self.unit
        i = bisect_left(self.stretches, at, key=itemgetter(1))
        return min(self.pfns.gap_from(at), self.stretches[i][1] + 1) * self.unit


#: In the order of the legend.
GLYPHS = {
    "ram": Glyphs("█", "#", "good", "RAM"),
    "in-use": Glyphs("▓", "u", "note", "RAM in use"),
    "firmware": Glyphs("▒", "=", "warning", "firmware, reserved"),
    "device": Glyphs("░", "d", "head", "device memory"),
    "retired": Glyphs("X", "X", "error", "unusable"),
    "unknown": Glyphs("~", "~", "error", "lost lines"),
}
_HOLE = Glyphs("·", ".", "dim", "nothing")


def draw(
    runs: Sequence[Run], paint: Paint, *, blocks: bool = True, marks: Sequence[Marks] = ()
) -> list[str]:
    """Return the lines of the picture: rows with addresses, then the legend.

    ``runs`` are ascending and disjoint. ``blocks`` False: ASCII only. Of several ``marks`` in a
    cell the first of the sequence is seen.
    """
    if not runs:
        return []
    looks = GLYPHS | {m.glyphs.name: m.glyphs for m in marks}
    row = _row_size(runs, marks)
    width = max(8, len(f"{_last(runs, marks):x}"))
    lines: list[str] = []
    seen: set[str] = set()
    for first, count, cells in _rows(runs, row, marks):
        seen.update(kind for kind, _ in cells)
        drawn = "".join(
            _cell(looks.get(kind, _HOLE), length, paint, blocks) for kind, length in cells
        )
        times = f" x {count}" if count > 1 else ""
        lines.append(f"  0x{first * row:0{width}x} {drawn}{times}")
    used = {run.kind for run in runs}
    legend = [
        f"{paint(g.style, g.block if blocks else g.plain)} {g.name}"
        for kind, g in GLYPHS.items()
        if kind in used
    ]
    legend[:0] = [
        f"{paint(m.glyphs.style, m.glyphs.block if blocks else m.glyphs.plain)} {m.glyphs.name}"
        for m in marks
        if m.glyphs.name in seen
    ]
    legend.append(f"{paint(_HOLE.style, _HOLE.block if blocks else _HOLE.plain)} {_HOLE.name}")
    lines.append(f"  {'  '.join(legend)}")
    scale = f"a row is {human_bytes(row)}, a character {human_bytes(row // CELLS)}"
    lines.append(f"  {scale}; x N: so many rows alike")
    return lines


def _last(runs: Sequence[Run], marks: Sequence[Marks]) -> int:
    """Return the last byte to show; a mark beyond 2^64 is of no address and is not shown."""
    ends = [runs[-1].end, *((m.stretches[-1][1] + 1) * m.unit - 1 for m in marks if m.stretches)]
    return min(max(ends), PHYS_END - 1)


def _cell(glyphs: Glyphs, length: int, paint: Paint, blocks: bool) -> str:
    return paint(glyphs.style, (glyphs.block if blocks else glyphs.plain) * length)


def _row_size(runs: Sequence[Run], marks: Sequence[Marks]) -> int:
    """Return the bytes of a row: 48 pages times a power of 2, RAM in about 12 rows."""
    wanted = sum(run.end - run.start + 1 for run in runs if run.kind in ("ram", "in-use"))
    row = CELLS * 4096
    while row < 1 << 64 and (row * RAM_ROWS < wanted or not _fits(runs, row, marks)):
        row *= 2
    return row


def _fits(runs: Sequence[Run], row: int, marks: Sequence[Marks]) -> bool:
    """Tell whether the picture takes few enough lines; looks no further than it must."""
    return all(i < MAX_LINES for i, _ in enumerate(_rows(runs, row, marks)))


def _rows(
    runs: Sequence[Run], row: int, marks: Sequence[Marks]
) -> Iterator[tuple[int, int, tuple[tuple[str, int], ...]]]:
    """Yield a line each: ``(first row's number, rows alike, cells)``.

    Cells are ``(kind, how many)``, kind empty for a hole.
    """
    for first, count, cells in _joined(_stretches(runs, row, marks)):
        kind = cells[0][0]
        if count > (MAX_LINES if kind == "ram" else _UNFOLDED if kind else 1):
            yield first, count, cells
        else:
            for number in range(first, first + count):
                yield number, 1, cells


def _joined(
    stretches: Iterator[tuple[int, int, tuple[tuple[str, int], ...]]],
) -> Iterator[tuple[int, int, tuple[tuple[str, int], ...]]]:
    """Join neighbouring rows that look alike throughout."""
    first, count, cells = next(stretches)
    for following, more, looks in stretches:
        if looks == cells and len(cells) == 1:
            count += more
        else:
            yield first, count, cells
            first, count, cells = following, more, looks
    yield first, count, cells


def _stretches(
    runs: Sequence[Run], row: int, marks: Sequence[Marks]
) -> Iterator[tuple[int, int, tuple[tuple[str, int], ...]]]:
    """Yield each row where something begins or ends, and the uniform rows between as one."""
    number = i = 0
    last = _last(runs, marks) // row
    while number <= last:
        low = number * row
        while i < len(runs) and runs[i].end < low:
            i += 1
        kind, until = _looks(runs, i, low, marks)
        rows = min(until // row, last + 1) - number
        if rows >= 1:
            yield number, rows, ((kind, CELLS),)
            number += rows
        else:
            yield number, 1, _cells(runs, i, low, row, marks)
            number += 1


def _looks(runs: Sequence[Run], i: int, low: int, marks: Sequence[Marks]) -> tuple[str, int]:
    """Return what is seen at ``low``, and where that ends (exclusive)."""
    until = 1 << 65
    for m in marks:
        following = m.following(low)
        if following <= low:
            return m.glyphs.name, min(until, m.until(low))
        until = min(until, following)
    kind, end = _uniform(runs, i, low)
    return kind, min(until, end)


def _uniform(runs: Sequence[Run], i: int, low: int) -> tuple[str, int]:
    """Return the kind at ``low`` and where that ends (exclusive); ``""`` is a hole."""
    if i == len(runs):
        return "", 1 << 65
    if runs[i].start > low:
        return "", runs[i].start
    return runs[i].kind, runs[i].end + 1


def _cells(
    runs: Sequence[Run], i: int, low: int, row: int, marks: Sequence[Marks]
) -> tuple[tuple[str, int], ...]:
    """Return the cells of one row: of each the first mark in it, else what most of it is."""
    size = row // CELLS
    kinds: list[str] = []
    for cell in range(CELLS):
        start = low + cell * size
        end = start + size
        mark = next((m for m in marks if m.following(start) < end), None)
        if mark is not None:
            kinds.append(mark.glyphs.name)
            continue
        shares: dict[str, int] = {}
        while i < len(runs) and runs[i].end < start:
            i += 1
        k = i
        while k < len(runs) and runs[k].start < end:
            first, last, what = runs[k]
            share = (last + 1 if last < end else end) - (max(start, first))
            shares[what] = shares.get(what, 0) + share
            k += 1
        shares[""] = size - sum(shares.values())
        kinds.append(max(shares, key=lambda kind: shares[kind]))
    folded: list[tuple[str, int]] = []
    for kind in kinds:
        if folded and folded[-1][0] == kind:
            folded[-1] = (kind, folded[-1][1] + 1)
        else:
            folded.append((kind, 1))
    return tuple(folded)
