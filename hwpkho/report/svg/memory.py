"""Memory to scale as SVG: rows with a band of memory and bad pages, and below it its owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.report.parts import to_scale
from hwpkho.report.svg.markup import WIDTH, Drawing, rect, shortened, titled, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.report.parts.memory import Memory
    from hwpkho.report.parts.to_scale import Cells, Layout, Row

#: Cells of a row, and the width of one; the rest of the width is for addresses and numbers.
CELLS = 96
_CELL = 8
_LEFT = 142
#: Heights of the first band and of those below it, and the space between rows.
_BAND, _THIN, _BETWEEN = 18, 6, 6
#: A hatch on top of the colour: rotation in degrees, distance of its lines, and whether they are
#: cut out of a strong colour or drawn on a pale one. ``forgotten`` and ``stays`` share a colour, as
#: do ``reserved`` and ``replays``, and many people cannot tell red from green.
_HATCHES = {
    "forgotten": (45, 4, "cut"), "stays": (-45, 6, "cut"), "in-scratch": (0, 4, "cut"),
    "left": (90, 4, "cut"), "in-use": (45, 8, "ink"), "firmware": (-45, 5, "ink"),
    "device": (90, 5, "ink"), "retired": (0, 4, "ink"), "unknown": (45, 3, "ink"),
    "scratch": (45, 4, "cut"), "owner-2": (-45, 4, "cut"), "owner-3": (90, 4, "cut"),
    "owner-4": (0, 3, "cut"), "owner-5": (60, 6, "cut"), "owner-6": (-60, 3, "cut"),
    "nobody": (90, 3, "cut"),
}  # fmt: skip
_NAMES = {**to_scale.BAD, **to_scale.MEMORY, "efi": "called bad by the EFI table"}
#: Assumed width of a letter of the legend, in units of the picture.
_LETTER = 6.6


def draw(memory: Memory, name: str, layout: Layout | None = None) -> Drawing | None:
    """Return the picture, None if there is nothing to show.

    ``layout`` defaults to all of ``memory``. ``name`` must be unique in the file.
    """
    layout = layout or layout_of(memory)
    if not layout.rows:
        return None
    names = _NAMES | dict(memory.names)
    seen = [kind for kind in names if kind in layout.kinds()]
    parts = [_patterns(seen, name)]
    at, digits = 0.0, max(8, len(f"{layout.end:x}"))
    before = layout.rows[0].number
    for row in layout.rows:
        if row.number > before:
            parts.append(f'<path class="gap" d="M{_LEFT} {at:g}h{CELLS * _CELL}"/>')
            at += _BETWEEN
        before = row.number + row.times
        parts += _row(memory, layout, row, at, digits, name)
        at += _BAND + (len(row.bands) - 1) * (_THIN + 1) + _BETWEEN
    at += 8
    for line in _legend([(kind, names[kind]) for kind in seen], name):
        parts.append(f'<g transform="translate(0 {at:g})">{line}</g>')
        at += 20
    scale = f"A row is {human_bytes(layout.size)}, a cell of it {human_bytes(layout.cell)}."
    if any(row.times > 1 for row in layout.rows):
        scale += " × N: N equal rows."
    parts.append(words(0, at + 12, scale, "dim"))
    return Drawing("Memory to scale", _about(memory, layout), "".join(parts), at + 20, "Memory")


def layout_of(memory: Memory, span: tuple[int, int] | None = None) -> Layout:
    """Return the rows of the picture, or with ``span`` (bytes, end exclusive) of a part of it.

    Without ``span``, if there are bad pages, rows without any are left out or folded.
    """
    layers = memory.layers()
    if span is not None:
        clipped = (layer.clipped(*span) for layer in layers)
        layers = [layer for layer in clipped if layer.runs or layer.marks]
    return to_scale.lay_out(layers, CELLS, ram=span is None and bool(memory.bad))


def _about(memory: Memory, layout: Layout) -> str:
    """Return a description of the picture for readers who cannot see it."""
    total = layout.end + 1
    bad = [f"{m.within(0, total)} {to_scale.BAD[m.kind].removeprefix('bad, ')}" for m in memory.bad]
    first, last = layout.rows[0], layout.rows[-1]
    where = f"from 0x{layout.span(first)[0]:x} to 0x{min(layout.span(last)[1] - 1, layout.end):x}"
    pages = f" Bad pages: {', '.join(bad)}." if bad else ""
    return f"Physical memory {where}, a row for each {human_bytes(layout.size)}.{pages}"


def _row(
    memory: Memory, layout: Layout, row: Row, at: float, digits: int, name: str
) -> Iterator[str]:
    start, end = layout.span(row)
    counts = [(m.within(start, end), to_scale.BAD[m.kind]) for m in memory.bad]
    total = sum(n for n, _ in counts)
    said = f"0x{start:x}-0x{end - 1:x}, {human_bytes(end - start)}"
    pages = "; ".join(f"{n} {what}" for n, what in counts if n)
    yield words(0, at + 13, f"0x{start:0{digits}x}", "mono dim")
    shapes = [rect(_LEFT, at, CELLS * _CELL, _BAND, "ground")]
    below = at
    for i, cells in enumerate(row.bands):
        height = _THIN if i else _BAND
        shapes += _band(cells, below, height, name)
        below += height + 1
    yield titled(f"{said}: {pages or 'no bad page'}", "".join(shapes))
    beside = [f"× {row.times}"] * (row.times > 1) + [f"{total} bad"] * (total > 0)
    yield words(_LEFT + CELLS * _CELL + 8, at + 13, " ".join(beside), "dim")


def _band(cells: Cells, at: float, height: float, name: str) -> Iterator[str]:
    """Yield the shapes of a band: a path of all cells of a kind, and another one for its hatch."""
    paths: dict[str, list[str]] = {}
    x = _LEFT
    for kind, count in cells:
        if kind:
            paths.setdefault(kind, []).append(f"M{x} {at:g}h{count * _CELL}v{height:g}H{x}z")
        x += count * _CELL
    for kind, path in paths.items():
        d = "".join(path)
        yield f'<path class="k-{kind}" d="{d}"/>'
        if kind in _HATCHES:
            yield f'<path fill="url(#{name}-{kind})" d="{d}"/>'


def _patterns(kinds: Sequence[str], name: str) -> str:
    patterns = []
    for kind in kinds:
        if kind in _HATCHES:
            turn, gap, ink = _HATCHES[kind]
            patterns.append(
                f'<pattern id="{name}-{kind}" width="{gap}" height="{gap}" '
                f'patternUnits="userSpaceOnUse" patternTransform="rotate({turn})">'
                f'<path class="{ink}" d="M0 0h{gap}"/></pattern>'
            )
    return f"<defs>{''.join(patterns)}</defs>" if patterns else ""


def _legend(items: Sequence[tuple[str, str]], name: str) -> list[str]:
    """Return the lines of the legend, as many items in each as fit."""
    lines, line, x = list[str](), list[str](), 0.0
    for kind, said in items:
        shown = shortened(said, 60)
        size = 20 + len(shown) * _LETTER + 18
        if line and x + size > WIDTH:
            lines.append("".join(line))
            line, x = [], 0.0
        hatch = f'<path fill="url(#{name}-{kind})" d="M{x:g} 0h14v14h-14z"/>'
        mark = (
            f'<path class="k-{kind}" d="M{x:g} 0h14v14h-14z"/>{hatch if kind in _HATCHES else ""}'
        )
        line.append(titled(said, mark + words(x + 20, 11.5, shown)))
        x += size
    return [*lines, "".join(line)] if line else lines
