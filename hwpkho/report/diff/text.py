"""diff for people. Removed pages come first: known-bad memory back in circulation."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.badpages.sets import MISSING
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.inputs.lists import owners_turnover
from hwpkho.report.diff import by_unit
from hwpkho.report.parts import turnover
from hwpkho.report.parts.layout import Column, fold, span, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.diff import Comparison
    from hwpkho.inputs.lists import CaseList
    from hwpkho.judging.rulings import Ruling, Runs
    from hwpkho.report.diff import histories
    from hwpkho.report.diff.by_unit import Word
    from hwpkho.report.parts.layout import Cell
    from hwpkho.report.parts.paint import Paint

#: Longer lists of runs are cut; --verbose, --json and --plain have them whole.
MAX_RUNS = 20

#: What a verdict means for a removed page.
_REMOVED = {
    None: "known-bad memory, back in circulation",
    "replays": "LOST: known-bad memory, back in circulation",
    "scratch": "LOST: known-bad memory, back in circulation (scratch)",
    "preserved": "LOST: known-bad memory of a preserved file",
    "in-use": "lost; something occupies it either way",
    "handover": "LOST: a page of the handover",
    "firmware": "not the kernel's memory: nothing lost",
    "retired": "the map excludes it anyway: nothing lost",
    "device": "device memory: its driver has to know it",
    "not-ram": "never was RAM: nothing lost",
}


def summary(d: Comparison) -> str:
    """Return the result in one line: how many PFNs or units were removed, added, and in both."""
    (c,) = d.changes
    if d.units is not None:
        return by_unit.summary(d, d.units)
    if c.empty:
        return f"no difference: {counted(c.common, 'PFN')} in both"
    return f"{c.removed.pfns.pages()} removed, {c.added.pfns.pages()} added, {c.common} kept"


def handed_out_again(d: Comparison) -> int:
    """Return how many pages of a log, database or list the handover after it does not list.

    0 unless the first case is no handover and the second is one.
    """
    before, after = d.cases
    if before.handover is not None or after.handover is None:
        return 0
    return d.changes[0].removed.pfns.pages()


def plain(d: Comparison) -> Iterator[str]:
    """Yield one line a run: ``-`` or ``+``, the PFNs, and the verdict where a map was given."""
    (change,) = d.changes
    for sign, runs in (("-", change.removed), ("+", change.added)):
        for first, last, ruling in runs:
            yield f"{sign}{span(first, last)}" + (f" {ruling.verdict}" if ruling.verdict else "")


def report(d: Comparison, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    screen = screen or Screen()
    paint = screen.paint
    (change,) = d.changes
    style = "error" if change.removed.pfns else "warning" if change.added.pfns else "good"
    said = fold(paint(style, summary(d)), screen.prose, "", "  ")
    if screen.detail < 0:
        yield from said
        return
    if text := missed(d):
        yield from fold(paint("error", text), screen.prose, "", "  ")
    if d.units is not None:
        yield from said
    for label, x, pfns in zip(("before", "after"), d.cases, d.distinct(), strict=True):
        text = f"{x.name}: {counted(pfns, 'PFN')}{_generation(x)}"
        yield from fold(text, screen.prose, f"{label:<8}")
    if d.units is None:
        yield from said
    for line in turnover.lines(owners_turnover(*d.cases), d.page_size):
        yield from fold(line, screen.prose, "", "  ")
    yield from table(_CHANGES, _changes(d, screen), screen)
    counts = {"removed": change.removed.count(), "added": change.added.count()}
    most = screen.most(MAX_RUNS)
    cut = [f"{n - most} more {word}" for word, n in counts.items() if n > most]
    if cut:
        more = f"and {', '.join(cut)}; -v shows them, --plain has all"
        yield from fold(more, screen.prose, "  ")


_CHANGES = (
    Column(""), Column("PFN"), Column("size", right=True), Column("what that means", wraps=True),
)  # fmt: skip


def _changes(d: Comparison, screen: Screen) -> Iterator[tuple[Cell, ...]]:
    (change,) = d.changes
    shift = page_shift(d.page_size)
    sides: tuple[tuple[Word, str, Runs], ...] = (
        ("removed", "error", change.removed),
        ("added", "warning", change.added),
    )
    for word, style, runs in sides:
        for first, last, ruling in islice(runs, screen.most(MAX_RUNS)):
            size = human_bytes((last - first + 1) << shift)
            says = meaning(d, word, ruling) + by_unit.units_of(d, word, first, last)
            where = f" [{ruling.region}]" if ruling.region else ""
            yield (style, word), span(first, last), size, f"{says}{where}"


def meaning(d: Comparison, word: Word, ruling: Ruling) -> str:
    """Return in words what it means that pages with this ruling were removed or added."""
    means = _REMOVED if word == "removed" else {}
    says = means.get(ruling.verdict) or ruling.verdict or "newly listed"
    of_table = by_unit.meaning(d, word)
    if of_table is None:
        return says
    return of_table if ruling.verdict in (None, "replays") else f"{of_table}; {says}"


def missed(d: Comparison) -> str:
    """Return the sentence on known bad pages that the handover does not list, empty for none."""
    count = handed_out_again(d)
    pages = counted(count, "page is", "pages are")
    return f"{pages} known bad and not in the handover: will be handed out again" if count else ""


def _generation(x: CaseList) -> str:
    return f", kexec_count {x.kexec_count}" if x.kexec_count is not None else ""


def chain_report(c: Comparison, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines on three cases or more: each case, the totals, each run that changed.

    By unit if all cases are EFI tables with units, else by page.
    """
    from hwpkho.report.diff import histories  # only for a chain

    screen = screen or Screen()
    n, chain = len(c.cases), histories.of(c)
    totals = [_total(screen.paint, total) for total in chain.totals]
    if screen.detail < 0:
        for total in totals:
            yield from fold(total, screen.prose, "", "  ")
        return
    sets = c.grid.units if c.grid else ()
    for number, (x, pfns) in enumerate(zip(c.cases, c.distinct(), strict=True)):
        step = c.changes[number - 1] if number else None
        change = f"  -{step.removed.pfns.pages()} +{step.added.pfns.pages()}" if step else ""
        of_units = f"{by_unit.step(sets, number)}; " if sets else ""
        text = f"{x.name}: {of_units}{counted(pfns, 'PFN')}{_generation(x)}{change}"
        yield from fold(text, screen.prose, f"{number}  ")
        if number:
            found = owners_turnover(c.cases[number - 1], x)
            for line in turnover.lines(found, c.page_size):
                yield from fold(line, screen.prose, "   ", "     ")
    for total in totals:
        yield from fold(total, screen.prose, "", "  ")
    rows: list[tuple[Cell, ...]] = []
    most = screen.most(MAX_RUNS)
    changed = chain.worst_first(kept=False)
    for run in changed[:most]:
        marks = " ".join("x" if run.seen >> i & 1 else "." for i in range(n))
        style = "error" if run.history in MISSING else "warning"
        rows.append((marks, span(run.first, run.last), (style, run.history), run.units))
    heads = " ".join(str(i)[-1] for i in range(n))
    columns = (Column(heads), Column("PFN"), Column(""), Column("", wraps=True))
    yield from table(columns, rows, screen)
    if len(changed) > most:
        more = f"and {counted(len(changed) - most, 'more run')}; -v shows them, --json has all"
        yield from fold(more, screen.prose, "  ")


def _total(paint: Paint, total: histories.Total) -> str:
    return paint("good" if MISSING.isdisjoint(total.counts) else "error", total.words)
