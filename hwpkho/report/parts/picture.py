"""The physical address space drawn to scale in characters, one for each cell of to_scale.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import human_bytes
from hwpkho.report.parts import to_scale
from hwpkho.report.parts.layout import flow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.report.parts.paint import Paint
    from hwpkho.report.parts.screen import Screen
    from hwpkho.report.parts.to_scale import Marks, Run

#: A row has a multiple of ``CELLS`` characters, at most ``MOST_CELLS``.
CELLS = 16
MOST_CELLS = 96

#: Columns beside the characters, but for the address: blanks, ``0x``, the count of equal rows.
_BESIDE = len("  0x ") + len(" x 99999")


class Glyphs(NamedTuple):
    """The character of a kind, as block or in ASCII; ``style`` is one of Paint's."""

    block: str
    plain: str
    style: str


_GLYPHS = {
    "forgotten": Glyphs("?", "?", "error"),
    "stays": Glyphs("!", "!", "error"),
    "in-scratch": Glyphs("s", "s", "warning"),
    "replays": Glyphs("*", "*", "good"),
    "reserved": Glyphs("*", "*", "good"),
    "left": Glyphs("o", "o", "note"),
    "bad": Glyphs("!", "!", "error"),
    "ram": Glyphs("█", "#", "good"),
    "in-use": Glyphs("▓", "u", "note"),
    "firmware": Glyphs("▒", "=", "warning"),
    "device": Glyphs("░", "d", "head"),
    "retired": Glyphs("X", "X", "error"),
    "unknown": Glyphs("~", "~", "error"),
    "": Glyphs("·", ".", "dim"),
}
_NAMES = {**to_scale.BAD, **to_scale.MEMORY, "": "nothing"}


def draw(
    runs: Sequence[Run], screen: Screen, *, marks: Sequence[Marks] = (), ram: bool = False
) -> list[str]:
    """Return the lines of the picture: rows with addresses, then the legend; empty without runs.

    ``runs`` are in bytes, ascending and disjoint. Of several ``marks`` in a cell the first in the
    sequence is shown. With ``ram``, rows without RAM or marks are left out, and equal rows of RAM
    are folded into one.
    """
    if not runs:
        return []
    paint, blocks = screen.paint, screen.blocks
    layer = to_scale.Layer(runs, marks)
    width = max(8, len(f"{layer.last():x}"))
    layout = to_scale.lay_out([layer], _cells_of(screen.width - width), ram=ram)
    lines: list[str] = []
    for row in layout.rows:
        text = "".join(_cell(kind, length, paint, blocks) for kind, length in row.bands[0])
        times = f" x {row.times}" if row.times > 1 else ""
        lines.append(f"  0x{row.number * layout.size:0{width}x} {text}{times}")
    seen = layout.kinds()
    legend = [
        f"{_cell(kind, 1, paint, blocks)} {name}" for kind, name in _NAMES.items() if kind in seen
    ]
    lines += flow(legend, screen.width, "  ")
    scale = [f"a row is {human_bytes(layout.size)}", f"a character {human_bytes(layout.cell)}"]
    scale += ["x N: N equal rows"] * any(row.times > 1 for row in layout.rows)
    return [
        *lines,
        *flow([f"{part}," for part in scale[:-1]] + scale[-1:], screen.width, "  ", " "),
    ]


def _cells_of(room: int) -> int:
    """Return how many characters a row has if ``room`` columns are left beside the addresses."""
    return min(max((room - _BESIDE) // CELLS, 1) * CELLS, MOST_CELLS)


def _cell(kind: str, length: int, paint: Paint, blocks: bool) -> str:
    look = _GLYPHS[kind]
    return paint(look.style, (look.block if blocks else look.plain) * length)
