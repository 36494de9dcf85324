"""The histories of pages over a chain of lists as SVG: a row for each, a column for each list."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.report.svg.markup import WIDTH, Drawing, rect, shortened, titled, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.diff import Comparison
    from hwpkho.report.diff.histories import Chain, State

#: Rows at most. Pages kept throughout come last, so they are the first not to be drawn.
MOST_ROWS = 40
#: In units of the picture: greatest width of a letter, height of a row, greatest width of a column,
#: greatest side of a box.
_LETTER, _LINE, _COLUMN, _BOX = 8.4, 22, 44, 15
_GAP = 12
#: The part of a narrow column that its box takes; the side below which a box gets no sign in it.
_SHARE, _SIGN = 0.8, 5
_SIGNS: dict[State, str] = {
    "listed": "listed",
    "new": "newly listed",
    "lost": "lost",
    "absent": "not listed",
}


def draw(chain: Chain) -> Drawing:
    """Return the drawing of a chain's histories, at most ``MOST_ROWS`` of them."""
    alike = chain.alike()
    rows = alike[:MOST_ROWS]
    said = [f"{row.history}: {row.counted}" for row in rows]
    left = max(map(len, said), default=0) * _LETTER + _GAP
    column = min(_COLUMN, (WIDTH - left) / chain.lists)
    parts = [*_heads(chain.lists, left, column)]
    for number, (row, text) in enumerate(zip(rows, said, strict=True)):
        y = _LINE * (number + 1.5)
        boxes = "".join(
            _box(state, left + column * (i + 0.5), y, min(_BOX, column * _SHARE))
            for i, state in enumerate(chain.states(row.seen))
        )
        parts.append(titled(text, words(left - _GAP, y + 5, text, anchor="end") + boxes))
    about = "A row: pages with the same life. A column: a list, by its number."
    if len(alike) > len(rows):
        about += f" {counted(len(alike) - len(rows), 'more row is', 'more rows are')} not drawn."
    below = _LINE * (len(rows) + 2)
    for number, (state, meaning) in enumerate(_SIGNS.items()):
        x = _GAP + number * 130
        parts.append(_box(state, x, below, _BOX) + words(x + _BOX, below + 5, meaning, "dim"))
    body = f'<g class="plot">{"".join(parts)}</g>'
    return Drawing("Every page’s life", about, body, below + _LINE / 2, "What became of pages")


def names(c: Comparison) -> Drawing:
    """Return a key to :func:`draw`: number, name and size of each list. HTML has a table for it."""
    said = [
        f"{number}: {x.name}, {counted(pfns, 'PFN')}"
        for number, (x, pfns) in enumerate(zip(c.cases, c.distinct(), strict=True))
    ]
    if len(said) > MOST_ROWS:
        said[MOST_ROWS:] = [f"and {len(said) - MOST_ROWS} more"]
    lines = [words(0, 15 + _LINE * i, shortened(line, 110)) for i, line in enumerate(said)]
    body = f'<g class="plot">{"".join(lines)}</g>'
    return Drawing("The lists", f"{len(c.cases)} lists", body, _LINE * len(lines), "The lists")


def _heads(lists: int, left: float, column: float) -> Iterator[str]:
    """Yield the numbers of the lists, as many as fit."""
    every = ceil((len(str(lists - 1)) * _LETTER + 4) / column)
    for i in range(0, lists, every):
        yield words(left + column * (i + 0.5), 15, str(i), "dim", anchor="middle")


def _box(state: State, x: float, y: float, size: float) -> str:
    if state == "absent":
        return f'<circle class="absent" cx="{x:g}" cy="{y:g}" r="{size / 10:g}"/>'
    half, arm = size / 2, size * 0.3
    box = rect(x - half, y - half, size, size, state)
    if size < _SIGN:
        return box
    if state == "lost":
        long = 2 * arm
        d = f"M{x - arm:g} {y - arm:g}l{long:g} {long:g}m0 {-long:g}l{-long:g} {long:g}"
        return f'{box}<path class="cross" d="{d}"/>'
    if state == "new":
        d = f"M{x - arm:g} {y:g}h{2 * arm:g}M{x:g} {y - arm:g}v{2 * arm:g}"
        return f'{box}<path class="plus" d="{d}"/>'
    return box
