"""merge for people: the cases, how many pages the list has, what the map left out or kept."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.judging.rulings import Runs
from hwpkho.report.parts import efi_table, turnover
from hwpkho.report.parts.layout import Column, fold, span, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.merge import Merged

#: Longer lists of runs are cut; --verbose and --json have them whole.
MAX_RUNS = 20


def report(m: Merged, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    screen = screen or Screen()
    for number, (name, size) in enumerate(zip(m.cases, m.sizes, strict=True)):
        yield from fold(f"case {number}: {name}, {counted(size, 'entry')}", screen.prose, "", "  ")
        if number:
            for line in turnover.lines(m.owners[number - 1], m.page_size):
                yield from fold(line, screen.prose, "  ", "    ")
    yield summary(m)
    if m.table:
        yield from fold(f"EFI table: {efi_table.described(m.table)}", screen.prose, "", "  ")
    yield from left_out(m, screen)
    yield from _run_lines("kept though not replaying", kept(m), screen)


def summary(m: Merged) -> str:
    """Return how many PFNs the merged list has, and how many were dropped or excluded."""
    excluded = f", {m.excluded} excluded" if m.excluded else ""
    pages, twice = m.pfns.count, m.duplicates
    dropped = f"{counted(twice, 'duplicate')} dropped"
    return f"{counted(pages, 'PFN')}, {dropped}{excluded}"


def kept(m: Merged) -> Runs:
    """Return the runs that stayed in the list although, by the memory map, they will not replay."""
    return _without(m.not_replaying, m.left_out)


def left_out(m: Merged, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines on the pages that merge left out by the memory map."""
    yield from _run_lines("left out by the memory map", m.left_out, screen or Screen())


def _without(runs: Runs, others: Runs) -> Runs:
    """Return the runs of ``runs`` whose ruling is not in ``others``.

    Comparing rulings is enough: merge leaves out all pages of a ruling or none.
    """
    rest = Runs(runs.pfns)
    for first, last, ruling in runs.stretches():
        if ruling not in others.rulings:
            rest.add(first, last, ruling)
    return rest


def _run_lines(what: str, runs: Runs, screen: Screen) -> Iterator[str]:
    if not runs.rulings:
        return
    yield from fold(f"{what}: {verdicts(runs)}", screen.prose, "", "  ")
    most, count = screen.most(MAX_RUNS), runs.count()
    rows = [(span(a, b), r.verdict or "unknown", r.region or "") for a, b, r in islice(runs, most)]
    yield from table((Column(""), Column(""), Column("", wraps=True)), rows, screen)
    if count > most:
        yield from fold(
            f"and {counted(count - most, 'more run')}; -v shows all", screen.prose, "  "
        )


def verdicts(runs: Runs) -> str:
    """Return the number of pages by verdict, in words: ``2 not-ram, 1 in-use``."""
    counts = [f"{n} {verdict}" for verdict, n in runs.counts().items()]
    pairs = zip(runs.rulings, runs.extents, strict=True)
    unknown = sum(extent.pfns for ruling, extent in pairs if ruling.verdict is None)
    if unknown:
        counts.append(f"{unknown} not judged by the map")
    return ", ".join(counts)
