"""A handover's structure as SVG: boxes from root to list, broken ones marked with their codes."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from hwpkho.report.svg.markup import WIDTH, Drawing, rect, shortened, titled, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.report.parts.structure import Box, Structure

_COLUMNS = 5
_BETWEEN = 38
_BOX = (WIDTH - (_COLUMNS - 1) * _BETWEEN) / _COLUMNS
_LINE, _PAD, _BELOW = 15, 8, 12
#: Characters that fit in a line of a box.
_ROOM = 21
#: How far below the top of a box its arrow ends.
_ARROW = 15


def draw(structure: Structure) -> Drawing:
    """Return the picture of the boxes and arrows, with problems of no box below it."""
    free = [0.0] * _COLUMNS
    places: dict[int, tuple[float, float, float]] = {}
    shapes, arrows = list[str](), list[str]()
    for box in structure.boxes:
        x = box.column * (_BOX + _BETWEEN)
        lines = list(_lines(box))
        height = 2 * _PAD + _LINE * len(lines)
        before = places.get(id(box.after)) if box.after else None
        y = free[box.column]
        if before is not None and box.after and box.after.column < box.column:
            y = max(y, before[1])
        places[id(box)] = x, y, height
        free[box.column] = y + height + _BELOW
        if before is not None:
            arrows.append(_arrow(before, (x, y, height)))
        shapes.append(_box(box, lines, x, y, height))
    bottom = max(free) - _BELOW
    told = [f"{p.severity}: {p.code} {p.message}" for p in structure.elsewhere]
    for said in told:
        bottom += 18
        shapes.append(titled(said, words(0, bottom, shortened(said, 150), "dim")))
    body = "".join(arrows) + "".join(shapes)
    return Drawing(structure.title, _about(structure), body, bottom + 4, "Structure")


def _about(structure: Structure) -> str:
    """Return a description of the picture for readers who cannot see it."""
    broken = [f"{box.title}: {', '.join(box.codes())}" for box in structure.boxes if box.problems]
    names = ", ".join(box.title for box in structure.boxes)
    wrong = f" Wrong: {'; '.join(broken)}." if broken else " Nothing is marked as wrong."
    why = "".join(f" {box.title}: {box.why}." for box in structure.boxes if box.why)
    return f"Boxes, what points to others first: {names}.{wrong}{why}"


def _lines(box: Box) -> Iterator[tuple[str, str]]:
    """Yield CSS class and text of each line of a box."""
    yield "name", box.title
    for line in box.lines:
        yield "mono" if line.startswith("0x") else "dim", line
    if box.state == "absent" and not box.problems:
        yield "dim", "(not there)"
    for line in wrap(box.why, _ROOM, break_on_hyphens=False):
        yield "dim", line
    sign = "✕" if box.worst == "broken" else "▲"
    for named in box.codes():
        code, _, name = named.partition(" ")
        yield box.worst, f"{sign} {code}"
        yield box.worst, name


def _box(box: Box, lines: list[tuple[str, str]], x: float, y: float, height: float) -> str:
    kind = " ".join(filter(None, ("box", box.worst, box.state if box.state != "read" else "")))
    shapes = [rect(x, y, _BOX, height, kind, ' rx="4"')]
    for i, (style, line) in enumerate(lines):
        at = y + _PAD + _LINE * i + 11.5
        shapes.append(words(x + 10, at, shortened(line, _ROOM), style))
    whole = "\n".join([*(line for _, line in lines), *(p.message for p in box.problems)])
    return titled(" | ".join(whole.split("\n")), "".join(shapes))


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    """Return an arrow from a box (left, top, height) to one to the right of it or below it."""
    if start[0] == end[0]:
        x, y, to = start[0] + _BOX / 2, start[1] + start[2], end[1]
        return (
            f'<path class="arrow" d="M{x:g} {y:g}V{to:g}"/>'
            f'<path class="tip" d="M{x:g} {to:g}l-4 -7h8z"/>'
        )
    x, y = start[0] + _BOX, start[1] + _ARROW
    to_x, to_y = end[0], end[1] + _ARROW
    middle = to_x - _BETWEEN / 2
    return (
        f'<path class="arrow" d="M{x:g} {y:g}H{middle:g}V{to_y:g}H{to_x:g}"/>'
        f'<path class="tip" d="M{to_x:g} {to_y:g}l-7 -4v8z"/>'
    )
