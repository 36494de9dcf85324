"""Pictures on a page: memory to scale, close-ups of ranges in it, a handover's structure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.report.html.facts import Cell, Column, Details, Figure, Table
from hwpkho.report.parts import to_scale
from hwpkho.report.parts.layout import span
from hwpkho.report.svg import memory as drawing
from hwpkho.report.svg import structure as boxes
from hwpkho.report.svg.markup import inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.report.html.facts import Part, Style
    from hwpkho.report.parts.memory import Memory
    from hwpkho.report.parts.structure import Structure

#: Ranges with a close-up, and runs of bad pages listed for each.
MAX_WINDOWS = 12
MAX_LISTED = 100


def memory(shown: Memory, name: str) -> list[Part]:
    """Return the picture of all memory, then a close-up of each range with bad pages.

    Empty if there is nothing to show. ``name`` must be unique on the page.
    """
    layout = drawing.layout_of(shown)
    picture = drawing.draw(shown, name, layout)
    if picture is None:
        return []
    found: list[Part] = [Figure(inline(picture, name), picture.about, _rows(shown, layout))]
    windows = to_scale.windows(layout, shown.bad, MAX_WINDOWS)
    for i, (start, end) in enumerate(windows, 1):
        bad = [m for m in (m.clipped(start, end) for m in shown.bad) if m.stretches]
        inside = shown._replace(bad=bad)
        close = drawing.draw(inside, f"{name}-{i}", drawing.layout_of(inside, (start, end)))
        count = sum(m.within(start, end) for m in bad)
        if close is not None and count:
            title = (
                f"0x{start:x}-0x{end - 1:x}, {human_bytes(end - start)}: "
                f"{counted(count, 'bad page')}"
            )
            figure = Figure(inline(close, f"{name}-{i}"), close.about)
            found.append(
                Details(f"{name}-range-{i}", title, [figure, _pages(bad, start, end, count)])
            )
    return found


def structure(found: Structure, name: str) -> Figure:
    """Return the picture of a handover's structure; ``name`` must be unique on the page."""
    picture = boxes.draw(found)
    rows = [
        (
            box.title,
            ", ".join(filter(None, (*box.lines, box.why))),
            Cell("; ".join(box.codes()), _STYLES[box.worst]),
        )
        for box in found.boxes
    ]
    columns = (Column("Structure"), Column("What is known of it"), Column("What is wrong"))
    table = Table(counted(len(rows), "structure"), columns, rows)
    return Figure(inline(picture, name), picture.about, table)


_STYLES: dict[str, Style] = {"broken": "error", "doubtful": "warning", "": ""}


def _rows(shown: Memory, layout: to_scale.Layout) -> Table:
    """Return what the picture shows as a table, a row for each of its rows."""
    names = to_scale.MEMORY | to_scale.BAD | {"efi": "bad by the EFI table"} | dict(shown.names)
    kinds = [m.kind for m in shown.bad]

    def rows() -> Iterator[Sequence[Cell | str]]:
        for row in layout.rows:
            start, end = layout.span(row)
            seen = dict.fromkeys(k for cells in row.bands for k, _ in cells if k)
            there = ", ".join(names[k] for k in seen if k not in to_scale.BAD)
            counts = [str(m.within(start, end)) for m in shown.bad]
            size = Cell(human_bytes(end - start), sort=end - start)
            yield f"0x{start:x}-0x{end - 1:x}", size, there, *counts

    columns = [Column("Addresses", mono=True), Column("Size", number=True), Column("What is there")]
    columns += [Column(to_scale.BAD[kind].capitalize(), number=True) for kind in kinds]
    return Table("The rows of the picture", columns, rows())


def _pages(bad: Sequence[to_scale.Marks], start: int, end: int, count: int) -> Table:
    """Return a table of the ``count`` bad pages from byte ``start`` to ``end``, exclusive."""

    def runs() -> Iterator[tuple[int, int, str]]:
        for m in bad:
            for first, last in m.clipped(start, end).stretches:
                for a, b in m.pfns.runs(first, last):
                    yield a, b, m.kind

    found = sorted(islice(runs(), MAX_LISTED))
    shift = page_shift(bad[0].unit)
    rows = [
        (span(a, b), str(b - a + 1), f"0x{a << shift:x}", to_scale.BAD[kind])
        for a, b, kind in found
    ]
    columns = (
        Column("PFNs", mono=True), Column("Pages", number=True), Column("Address", mono=True),
        Column("What becomes of them"),
    )  # fmt: skip
    listed = sum(b - a + 1 for a, b, _ in found)
    cut = (
        f"{counted(count - listed, 'more bad page is', 'more bad pages are')} in this range"
        if listed < count
        else ""
    )
    return Table(f"{counted(len(rows), 'run')} of bad pages", columns, rows, cut)
