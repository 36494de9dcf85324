"""list as an HTML page: which pages are bad, on which DIMM, and which input says so."""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.badpages import said
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.report.html import figures
from hwpkho.report.html.blocks import MAX_ROWS, ranges
from hwpkho.report.html.facts import Cell, Column, Page, Section, Table, Text
from hwpkho.report.html.page import render
from hwpkho.report.list import dimms, text
from hwpkho.report.parts.layout import span
from hwpkho.report.parts.memory import of_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.model import BadPages
    from hwpkho.commands.list import ListReport
    from hwpkho.dimms.model import Run
    from hwpkho.report.html.facts import Part, Style
    from hwpkho.report.registry import Call

_Row = tuple[Cell | str, ...]


class Report:
    """``--format html`` of list."""

    name = "html"
    about = "a page: each run of bad pages, what is known of it, and who says so"

    def pieces(self, result: ListReport, call: Call) -> Iterator[str]:
        """Return the page."""
        count, size = result.pages.pfns.count, result.pages.taken_page_size
        sections = [Section("pages", "Bad pages", _pages(result, call))]
        if result.dimms is not None:
            sections.insert(0, Section("dimms", "DIMMs", _dimms(result.dimms, call)))
        memory = of_pages(pfn_set(result.pages.pfns), size, result.regions)
        if picture := figures.memory(memory, "memory-drawing"):
            sections.append(Section("memory", "Memory to scale", picture))
        sections.append(Section("inputs", "What was read", _inputs(result)))
        sentence = f"{counted(count, 'bad page')}, {human_bytes(count * size)}"
        style: Style = "" if count else "good"
        return render(Page("list", result.pages.name, style, sentence, (), sections, call))


REPORT = Report()


def _pages(listed: ListReport, call: Call) -> list[Part]:
    runs = listed.runs()
    if not runs:
        return [Text("None of the inputs names a bad page.")]
    size = listed.pages.taken_page_size
    shift, alone = page_shift(size), len(listed.inputs) == 1
    kinds: Counter[str] = Counter()
    for run in runs:
        kinds[run.kind or "not known"] += run.last - run.first + 1
    stretches = chain.from_iterable(text.by_memory(run, listed.frames) for run in runs)
    shown = list(stretches if call.everything else islice(stretches, MAX_ROWS))
    cut = next(stretches, None) is not None
    rows: list[_Row] = [
        (
            span(run.first, run.last),
            str(run.last - run.first + 1),
            span(run.first << shift, ((run.last + 1) << shift) - 1),
            Cell(run.kind or "", text.STYLES.get(run.kind or "", "")),
            run.when or "",
            there,
            text.said_in(run, alone=alone),
        )
        for run, there in shown
    ]
    columns = (
        Column("PFNs", mono=True), Column("Pages", number=True),
        Column("Physical address", mono=True), Column("Kind"), Column("When"),
        Column("Memory there"), Column("Said in"),
    )  # fmt: skip
    more = f"These are the first {len(rows)} of {counted(len(runs), 'run')}; --json and -v have all"
    kind = Table(
        "By kind; a page may be named as several",
        (Column("Kind"), Column("Pages", number=True)),
        [(name, str(n)) for name, n in kinds.most_common()],
    )
    every = _used(f"{counted(len(runs), 'run')}, in pages of {human_bytes(size)}", columns, rows)
    return [kind, every._replace(cut=more if cut else "")]


def _used(caption: str, columns: Sequence[Column], rows: Sequence[_Row]) -> Table:
    """Return a table without the columns that are empty in all rows."""
    used = [i for i in range(len(columns)) if any(row[i] not in ("", Cell("")) for row in rows)]
    return Table(caption, [columns[i] for i in used], [[row[i] for i in used] for row in rows])


def _dimms(runs: Sequence[Run], call: Call) -> list[Part]:
    if not runs:
        return [Text("There is no bad page to place.")]
    pages: Counter[tuple[str, str, str, str]] = Counter()
    for run in runs:
        pages[dimms.place(run)] += run.last - run.first + 1
    heads = (Column("DIMM"), Column("Serial"), Column("Node"), Column("Known by"))
    return [
        Table(
            "Bad pages by DIMM, most first",
            (*heads, Column("Pages", number=True)),
            [(*place, str(n)) for place, n in pages.most_common()],
        ),
        ranges(
            f"{counted(len(runs), 'run')} of pages on one DIMM",
            (Column("PFNs", mono=True), Column("Pages", number=True), *heads),
            len(runs),
            (
                (span(run.first, run.last), str(run.last - run.first + 1), *dimms.place(run))
                for run in runs
            ),
            whole=call.everything,
            what="run",
        ),
    ]


def _inputs(listed: ListReport) -> list[Part]:
    columns = (
        Column("Input"), Column("Read as"), Column("Pages", number=True),
        Column("Page size", number=True),
    )  # fmt: skip
    table = Table("The inputs, in the order given", columns, map(_input, listed.inputs))
    told = said.of_lists([listed.pages])
    return [table, *map(Text, told)]


def _input(pages: BadPages) -> _Row:
    size = human_bytes(pages.page_size) if pages.page_size else "not recorded"
    return pages.name, pages.origin, str(pages.pfns.count), size
