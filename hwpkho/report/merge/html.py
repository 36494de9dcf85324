"""merge as an HTML page: the merged list, what was left out of it, and which case knew what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.sets import known_by
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.report.html import blocks, figures
from hwpkho.report.html.facts import Cell, Column, Page, Section, Table, Text
from hwpkho.report.html.page import render
from hwpkho.report.merge import text
from hwpkho.report.parts import efi_table, turnover
from hwpkho.report.parts.layout import span
from hwpkho.report.parts.memory import of_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.sets import Histories
    from hwpkho.commands.merge import Merged
    from hwpkho.judging.rulings import Ruling, Runs
    from hwpkho.report.html.facts import Part, Style
    from hwpkho.report.registry import Call


class Report:
    """``--format html`` of merge."""

    name = "html"
    about = "a page: what the list is made of, what was left out, and who knew what"

    def pieces(self, result: Merged, call: Call) -> Iterator[str]:
        """Return the page."""
        sections = [
            Section("list", "The list", _list(result, call)),
            Section("cases", "What was merged", _cases(result)),
        ]
        memory = of_pages(pfn_set(result.pfns), result.page_size, result.regions)
        if picture := figures.memory(memory, "memory-drawing"):
            sections.insert(1, Section("memory", "Memory to scale", picture))
        if result.judged:
            sections.insert(1, Section("map", "By the memory map", _by_map(result, call)))
        left = result.loss is not None and result.loss.bad_pages_left
        style: Style = "error" if left else "warning" if result.left_out.rulings else "good"
        title = f"{counted(len(result.cases), 'list')} as one"
        return render(Page("merge", title, style, text.summary(result), (), sections, call))


REPORT = Report()


def _list(m: Merged, call: Call) -> list[Part]:
    parts: list[Part] = []
    if m.loss is not None and m.loss.bad_pages_left:
        left = m.loss.bad_pages_left
        parts.append(
            Text(f"The list was written without {counted(left, 'page')}: no room", "error")
        )
    if m.table:
        parts.append(Text(f"EFI table: {efi_table.described(m.table)}"))
    if m.histories is not None:
        parts.append(_known_by(m.histories, m, call))
    else:
        pfns = pfn_set(m.pfns)
        parts.append(blocks.pfn_table("The merged list", pfns, m.page_size, whole=call.everything))
    return parts


def _known_by(found: Histories, m: Merged, call: Call) -> Table:
    rows = (
        (
            span(run.first, run.last),
            str(run.last - run.first + 1),
            ", ".join(map(str, known_by(run.seen))),
        )
        for run in found
    )
    columns = Column("PFNs", mono=True), Column("Pages", number=True), Column("In cases")
    return blocks.ranges(
        f"{counted(len(found), 'run')}, in pages of {human_bytes(m.page_size)}, and the numbers of "
        "the cases that list them",
        columns,
        len(found),
        rows,
        whole=call.everything,
        what="run",
    )


def _by_map(m: Merged, call: Call) -> list[Part]:
    kept = text.kept(m)
    return [
        *_judged("Left out", m.left_out, m.page_size, call, "warning"),
        *_judged("In the list though they will not be replayed", kept, m.page_size, call, ""),
    ]


def _judged(what: str, runs: Runs, page_size: int, call: Call, style: Style) -> list[Part]:
    count = runs.count()
    if not count:
        return [Text(f"{what}: no page.")]

    def cells(_first: int, _last: int, ruling: Ruling) -> Sequence[Cell | str]:
        return Cell(ruling.verdict or "not judged", style), ruling.region or ""

    caption, columns = f"{what}: {text.verdicts(runs)}", (Column("Verdict"), Column("Memory there"))
    whole = call.everything
    return [blocks.run_table(caption, runs, count, page_size, columns, cells, whole=whole)]


def _cases(m: Merged) -> list[Part]:
    rows = [
        (str(number), name, str(size))
        for number, (name, size) in enumerate(zip(m.cases, m.sizes, strict=True))
    ]
    columns = Column("Number"), Column("Case"), Column("Entries", number=True)
    parts: list[Part] = [Table("The cases, in the order given", columns, rows)]
    for number, found in enumerate(m.owners, 1):
        lines = turnover.lines(found, m.page_size)
        parts += [Text(f"From case {number - 1} to {number}: {line}") for line in lines]
    return [*parts, *map(Text, m.notes)]
