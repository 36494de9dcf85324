"""Lays out text for people: lines broken between words, never within one, and tables.

All text passed in must be printable; it may hold the colours of :class:`Paint`.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.late import late

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.report.parts.screen import Screen

#: A word with the blanks before it. A number and what it counts stay together: 4 KiB, 37 pages.
_WORD = late(r"( *)((?:\(?[0-9][0-9.,]* (?=[A-Za-z]))?[^ ]+)")
_COLOUR = late(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"
#: A column of prose that would be narrower than this goes below its row.
_NARROW = 20
_GAP = 2


def cells(text: str) -> int:
    """Return how many columns a text takes on a terminal; colours take none."""
    plain = _COLOUR.sub("", text) if "\x1b" in text else text
    if plain.isascii():
        return len(plain)
    from rich.cells import cell_len

    return cell_len(plain)


def fold(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Return a text in lines of ``width`` columns, broken between words; a longer word stays whole.

    ``first`` comes before the first line, ``rest`` before the others (default: blanks as wide as
    ``first``). A colour that spans a break is switched off and on again.
    """
    rest = " " * cells(first) if rest is None else rest
    line, used, begun = first, cells(first), False
    lines: list[str] = []
    colour = ""
    for gap, word in _WORD.findall(text):
        size = cells(word)
        # What does not fit beside ``first`` goes below it where that helps.
        if used + len(gap) + size > width and (begun or cells(rest) + size <= width < used + size):
            lines.append(line.rstrip(" ") + _RESET * bool(colour))
            line, used = rest + colour, cells(rest)
        elif begun or gap:
            line, used = line + gap, used + len(gap)
        line, used, begun = line + word, used + size, True
        for code in _COLOUR.findall(word) if "\x1b" in word else ():
            colour = "" if code == _RESET else code
    lines.append(line.rstrip())
    return lines


def field(label: str, text: str, screen: Screen, width: int = 10) -> list[str]:
    """Return the lines of a labelled text: ``  label     text``, further lines below the text."""
    return fold(text, screen.prose, f"  {label:<{width}}", " " * (width + 2))


def severe(label: str, severity: str, text: str, screen: Screen, width: int = 10) -> list[str]:
    """Return the lines of a labelled problem or finding, with its severity before the text."""
    head = f"  {label:<{width}}{screen.paint(severity, f'{severity:<8}')}"
    return fold(text, screen.prose, head)


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        head: Its heading; empty for none.
        right: Whether it is set to the right, as numbers are.
        wraps: Whether it is prose; only the last column is broken between words.
    """

    head: str
    right: bool = False
    wraps: bool = False


#: A cell: text, or a style of Paint and text.
Cell = str | tuple[str, str]


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    screen: Screen,
    indent: str = "  ",
    looked_at: int | None = None,
) -> Iterator[str]:
    """Yield the lines of a table, none wider than the screen unless a single word is.

    Prose is broken within its column. Columns that do not fit go below their row, each cell behind
    its heading. Words and numbers are never cut. Columns that are empty in all rows are left out.
    The first ``looked_at`` rows decide the widths; None: all rows do, and are held.
    """
    cells_of = ([x if isinstance(x, tuple) else ("", x) for x in row] for row in rows)
    held = list(islice(cells_of, looked_at))
    used = [i for i in range(len(columns)) if looked_at or any(row[i][1] for row in held)]
    if not used or not held:
        return
    columns = [columns[i]._replace(wraps=columns[i].wraps and i == used[-1]) for i in used]
    widths = [
        max(cells(c.head), *(cells(row[i][1]) for row in held))
        for i, c in zip(used, columns, strict=True)
    ]
    room = screen.width - len(indent)
    fits = len(columns)
    if _wide(widths) > room and columns[-1].wraps:
        words = {word for row in held for word in row[used[-1]][1].split(" ")} | {columns[-1].head}
        left = room - _wide([*widths[:-1], 0])
        if left >= max(_NARROW, *map(cells, words)):
            widths[-1] = left
    while fits > 1 and _wide(widths[:fits]) > room:
        fits -= 1
    picked = ([row[i] for i in used] for row in chain(held, cells_of))
    drawn = _drawing(columns[:fits], widths[:fits], screen)
    heads = [("dim", column.head) for column in columns[:fits]]
    if any(column.head for column in columns[:fits]):
        yield from (f"{indent}{line}".rstrip() for line in drawn(heads))
    for row in picked:
        lines = drawn(row[:fits])
        if len(lines) == 1 and cells(lines[0]) > room and fits > 1:  # a row after ``looked_at``
            yield from _listed(columns, row, screen, indent)
            continue
        yield from (f"{indent}{line}".rstrip() for line in lines)
        yield from _listed(columns[fits:], row[fits:], screen, f"{indent}    ")


def _wide(widths: Sequence[int]) -> int:
    """Return how wide columns are together, with the gaps between them."""
    return sum(widths) + _GAP * (len(widths) - 1)


def _listed(
    columns: Sequence[Column], row: Sequence[tuple[str, str]], screen: Screen, indent: str
) -> Iterator[str]:
    """Yield the lines of cells that no column has room for: each behind its heading, prose last."""
    items: list[str] = []
    prose: list[str] = []
    for column, (style, text) in zip(columns, row, strict=True):
        if not text:
            continue
        shown = screen.paint(style, text) if style else text
        if column.head and not column.wraps:
            shown = f"{screen.paint('dim', column.head)} {shown}"
        if column.wraps or cells(shown) > screen.width - len(indent):
            prose += fold(shown, screen.width, indent)
        else:
            items.append(shown)
    yield from flow(items, screen.width, indent) if items else ()
    yield from prose


def _drawing(
    columns: Sequence[Column], widths: Sequence[int], screen: Screen
) -> Callable[[Sequence[tuple[str, str]]], list[str]]:
    """Return a function that takes the cells of a row and returns its lines."""

    def drawn(row: Sequence[tuple[str, str]]) -> list[str]:
        line, room = "", 0
        for column, width, (style, text) in zip(columns, widths, row, strict=True):
            size = cells(text)
            line += " " * (room + (width - size) * column.right)
            shown = screen.paint(style, text) if style and text else text
            if size > width and column.wraps:  # the last
                return fold(shown, _wide(widths), line)
            line += shown
            room = _GAP + (width - size) * (not column.right)
        return [line.rstrip()]

    return drawn


def flow(items: Iterable[str], width: int, first: str = "", gap: str = "  ") -> list[str]:
    """Return items side by side, ``gap`` between them, in lines of ``width`` columns.

    No item is broken. ``first`` comes before the first line.
    """
    rest, line, used, begun = " " * cells(first), first, cells(first), False
    lines: list[str] = []
    for item in items:
        size = cells(item)
        # What does not fit beside ``first`` goes below it where that helps.
        if used + len(gap) + size > width and (begun or cells(rest) + size <= width < used + size):
            lines.append(line.rstrip())
            line, used = rest, len(rest)
        elif begun:
            line, used = line + gap, used + len(gap)
        line, used, begun = line + item, used + size, True
    lines.append(line)
    return lines


def span(first: int, last: int) -> str:
    """Return a range of PFNs or addresses, ``last`` inclusive: ``0x10-0x1f``, or ``0x10``."""
    return f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
