"""The physical address space drawn to scale with plain characters.

Every row shows the same number of bytes, every character of a row the same part of it. The scale
is chosen by the RAM; many rows of anything but RAM are folded into one line that says how many they
are, and rows of nothing are left out.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import PHYS_END, human_bytes
from hwpkho.report.parts.layout import flow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.report.parts.paint import Paint
    from hwpkho.report.parts.screen import Screen

#: Characters in a row are a multiple of the first, up to the second; rows that RAM should take; the
#: most lines that a picture may take.
CELLS = 16
MOST_CELLS = 96
RAM_ROWS = 12
MAX_LINES = 30

#: So many uniform rows of something other than RAM are drawn one by one.
_UNFOLDED = 4
#: What stands beside the characters: blanks, ``0x``, and how many rows are alike.
_BESIDE = len("  0x ") + len(" x 99999")


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
#: What says nothing of a list that has no page there.
_DULL = frozenset(("firmware", "device", "retired", ""))


def draw(
    runs: Sequence[Run], screen: Screen, *, marks: Sequence[Marks] = (), ram: bool = False
) -> list[str]:
    """Return the lines of the picture: rows with addresses, then the legend.

    ``runs`` are ascending and disjoint. Of several ``marks`` in a cell the first of the sequence is
    seen. With ``ram`` rows that have neither RAM nor marks are left out, and rows of RAM alone are
    folded.
    """
    if not runs:
        return []
    paint, blocks = screen.paint, screen.blocks
    looks = GLYPHS | {m.glyphs.name: m.glyphs for m in marks} | {"": _HOLE}
    width = max(8, len(f"{_last(runs, marks):x}"))
    cells = _cells_of(screen.width - width)
    row = _row_size(runs, marks, cells, ram)
    lines: list[str] = []
    seen: set[str] = set()
    for first, count, drawn in _rows(runs, row, cells, marks, ram):
        seen.update(kind for kind, _ in drawn)
        text = "".join(_cell(looks[kind], length, paint, blocks) for kind, length in drawn)
        times = f" x {count}" if count > 1 else ""
        lines.append(f"  0x{first * row:0{width}x} {text}{times}")
    named = [*(m.glyphs.name for m in marks), *GLYPHS, ""]
    legend = [
        f"{_cell(looks[kind], 1, paint, blocks)} {looks[kind].name}"
        for kind in dict.fromkeys(named)
        if kind in seen
    ]
    lines += flow(legend, screen.width, "  ")
    scale = [f"a row is {human_bytes(row)}", f"a character {human_bytes(row // cells)}"]
    folded = any(" x " in line for line in lines[: len(lines) - 1])
    scale += ["x N: so many rows alike"] * folded
    return [
        *lines,
        *flow([f"{part}," for part in scale[:-1]] + scale[-1:], screen.width, "  ", " "),
    ]


def _cells_of(room: int) -> int:
    """Return how many characters a row has where so many columns are left beside addresses."""
    return min(max((room - _BESIDE) // CELLS, 1) * CELLS, MOST_CELLS)


def _last(runs: Sequence[Run], marks: Sequence[Marks]) -> int:
    """Return the last byte to show; a mark beyond 2^64 is of no address and is not shown."""
    ends = [runs[-1].end, *((m.stretches[-1][1] + 1) * m.unit - 1 for m in marks if m.stretches)]
    return min(max(ends), PHYS_END - 1)


def _cell(glyphs: Glyphs, length: int, paint: Paint, blocks: bool) -> str:
    return paint(glyphs.style, (glyphs.block if blocks else glyphs.plain) * length)


def _row_size(runs: Sequence[Run], marks: Sequence[Marks], cells: int, ram: bool) -> int:
    """Return the bytes of a row: a page a cell times a power of 2, RAM in about 12 rows."""
    wanted = sum(run.end - run.start + 1 for run in runs if run.kind in ("ram", "in-use"))
    row = cells * 4096
    while row < 1 << 64 and (row * RAM_ROWS < wanted or not _fits(runs, row, cells, marks, ram)):
        row *= 2
    return row


def _fits(runs: Sequence[Run], row: int, cells: int, marks: Sequence[Marks], ram: bool) -> bool:
    """Tell whether the picture takes few enough lines; looks no further than it must."""
    return all(i < MAX_LINES for i, _ in enumerate(_rows(runs, row, cells, marks, ram)))


def _rows(
    runs: Sequence[Run], row: int, width: int, marks: Sequence[Marks], ram: bool
) -> Iterator[tuple[int, int, tuple[tuple[str, int], ...]]]:
    """Yield a line each: ``(first row's number, rows alike, cells)``; none for rows of nothing.

    Cells are ``(kind, how many)``, kind empty for a hole, ``width`` of them.
    """
    for first, count, cells in _joined(_stretches(runs, row, width, marks)):
        kind = cells[0][0]
        if _DULL.issuperset(kind for kind, _ in cells) if ram else cells == (("", width),):
            continue
        if count > (1 if ram else MAX_LINES if kind == "ram" else _UNFOLDED):
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
    runs: Sequence[Run], row: int, width: int, marks: Sequence[Marks]
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
            yield number, rows, ((kind, width),)
            number += rows
        else:
            yield number, 1, _cells(runs, i, low, row // width, width, marks)
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
    runs: Sequence[Run], i: int, low: int, size: int, width: int, marks: Sequence[Marks]
) -> tuple[tuple[str, int], ...]:
    """Return the cells of one row: of each the first mark in it, else what is most of it.

    What is smaller than a cell is seen all the same: only a cell without anything is a hole.
    """
    kinds: list[str] = []
    for cell in range(width):
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
        kinds.append(max(shares, key=lambda kind: shares[kind], default=""))
    folded: list[tuple[str, int]] = []
    for kind in kinds:
        if folded and folded[-1][0] == kind:
            folded[-1] = (kind, folded[-1][1] + 1)
        else:
            folded.append((kind, 1))
    return tuple(folded)
