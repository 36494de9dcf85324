"""memmap as an HTML page: the map's ranges, what the next kernel makes of them, problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.memmap.view.ownership import each_is_ram
from hwpkho.report.html import blocks, figures
from hwpkho.report.html.facts import Cell, Column, Page, Section
from hwpkho.report.html.page import render
from hwpkho.report.memmap import text
from hwpkho.report.parts.memory import Memory
from hwpkho.report.parts.to_scale import MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.commands.memmap import MemmapReport
    from hwpkho.report.html.facts import Table
    from hwpkho.report.parts.to_scale import Run
    from hwpkho.report.registry import Call


class Report:
    """``--format html`` of memmap."""

    name = "html"
    about = "one page with all of it, to open in a browser"

    def pieces(self, result: MemmapReport, call: Call) -> Iterator[str]:
        """Return the page."""
        runs = text.runs_of(result)
        ram = sum(r.end - r.start + 1 for r in runs if r.kind in ("ram", "in-use"))
        memmap = result.memmap
        sentence = f"{human_bytes(ram)} of RAM, {memmap.arch}, read as {memmap.form}"
        sections = [
            Section(
                "view",
                "What the next kernel sees",
                [*figures.memory(Memory(runs), "bands"), _view(runs, call)],
            ),
            Section("ranges", "Ranges of the map", [_ranges(result, call)]),
            Section(
                "problems", "Problems", blocks.problems(result.problems, whole=call.everything)
            ),
        ]
        todo = blocks.todo_of((p.code, p.severity) for p in result.problems)
        style = blocks.worst_of(result.problems)
        return render(
            Page("memmap", printable(memmap.source), style, sentence, todo, sections, call)
        )


REPORT = Report()


def _view(runs: Sequence[Run], call: Call) -> Table:
    rows = (
        (MEMORY[r.kind], *_span(r.start, r.end), Cell(_size(r), sort=r.end - r.start)) for r in runs
    )
    columns = (
        Column("What"), Column("First byte", mono=True), Column("Last byte", mono=True),
        Column("Size", number=True),
    )  # fmt: skip
    return blocks.ranges(
        counted(len(runs), "range"), columns, len(runs), rows, whole=call.everything
    )


def _span(start: int, end: int) -> tuple[str, str]:
    return f"0x{start:x}", f"0x{end:x}"


def _size(run: Run) -> str:
    return human_bytes(run.end - run.start + 1)


def _ranges(result: MemmapReport, call: Call) -> Table:
    map_ = result.primary
    is_ram = each_is_ram(map_.name, map_.entries, result.memmap.arch)
    rows = (
        (
            f"0x{start:x}",
            f"0x{end:x}",
            Cell(human_bytes(end - start + 1), sort=end - start),
            f"{type_}{text.more(attributes)}",
            "RAM" if ram else "",
        )
        for (start, end, type_, attributes), ram in zip(map_.entries, is_ram, strict=True)
    )
    columns = (
        Column("First byte", mono=True), Column("Last byte", mono=True),
        Column("Size", number=True), Column("Type"), Column("RAM"),
    )  # fmt: skip
    count = len(map_.entries)
    caption = f"{counted(count, 'range')} of {map_.name}"
    return blocks.ranges(caption, columns, count, rows, whole=call.everything)
