"""diff for people and as JSON. Removed pages come first: known-bad memory back in circulation."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.sets import describe_history
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.inputs.lists import owners_turnover
from hwpkho.report import diff_units
from hwpkho.report.parts import jsondoc, runs_json, turnover
from hwpkho.report.parts.layout import Column, fold, span, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.sets import Histories
    from hwpkho.commands.diff import Comparison
    from hwpkho.inputs.lists import CaseList
    from hwpkho.report.parts.layout import Cell
    from hwpkho.report.parts.paint import Paint

SCHEMA = "hwpkho.diff/1"
CHAIN_SCHEMA = "hwpkho.diff-chain/1"
#: Longer lists of runs are cut; --verbose, --json and --plain have them whole.
MAX_RUNS = 20

#: What a verdict means for a page that changed sides.
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


def _case(x: CaseList, distinct: int) -> dict[str, Any]:
    return {"name": x.name, "pfns": distinct, "kexec_count": x.kexec_count}


def body(d: Comparison) -> dict[str, Any]:
    """Return the fields of ``hwpkho.diff/1``."""
    before, after = map(_case, d.cases, d.distinct())
    (change,) = d.changes
    return {
        "page_size": d.page_size,
        "before": before,
        "after": after,
        "added": jsondoc.numbers(change.added.pfns.listing()),
        "removed": jsondoc.numbers(change.removed.pfns.listing()),
        "common": change.common,
        "added_runs": runs_json.judged(change.added),
        "removed_runs": runs_json.judged(change.removed),
        "efi": diff_units.field(d),
        "owners": turnover.field(owners_turnover(*d.cases), d.page_size),
    }


def chain_body(c: Comparison) -> dict[str, Any]:
    """Return the fields of ``hwpkho.diff-chain/1``."""
    n = len(c.cases)
    steps = [
        (jsondoc.numbers(x.added.pfns.listing()), jsondoc.numbers(x.removed.pfns.listing()))
        for x in c.changes
    ]
    return {
        "page_size": c.page_size,
        "cases": list(map(_case, c.cases, c.distinct())),
        "steps": jsondoc.Array(_steps(c, steps)),
        "lives": runs_json.histories(c.histories(), lambda seen: diff_units.life(seen, n)),
        "efi": diff_units.chain_field(c),
    }


def _steps(c: Comparison, steps: Sequence[tuple[jsondoc.Array, jsondoc.Array]]) -> Iterator[str]:
    before = ""
    sides = pairwise(c.cases)
    for change, (added, removed), pair in zip(c.changes, steps, sides, strict=True):
        yield f'{before}{{"added":['
        yield from added.pieces
        yield '],"removed":['
        yield from removed.pieces
        owners = jsondoc.text(turnover.field(owners_turnover(*pair), c.page_size))
        yield f'],"common":{change.common},"owners":{owners}}}'
        before = ","


def summary(d: Comparison) -> str:
    """Return the one line that says it all."""
    (c,) = d.changes
    if d.units is not None:
        return diff_units.summary(d, d.units)
    if c.empty:
        return f"no difference: {c.common} PFNs in both"
    return f"{c.removed.pfns.pages()} removed, {c.added.pfns.pages()} added, {c.common} kept"


def handed_out_again(d: Comparison) -> int:
    """Return how many pages a log, a database or a list knows that a handover does not list."""
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
    if missed := handed_out_again(d):
        pages = "1 page is" if missed == 1 else f"{missed} pages are"
        text = f"{pages} known bad and not in the handover: will be handed out again"
        yield from fold(paint("error", text), screen.prose, "", "  ")
    if d.units is not None:
        yield from said
    for label, x, pfns in zip(("before", "after"), d.cases, d.distinct(), strict=True):
        text = f"{x.name}: {pfns} PFN{'s' * (pfns != 1)}{_generation(x)}"
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
        yield f"  and {', '.join(cut)}; -v shows them, --plain has all"


_CHANGES = (
    Column(""), Column("PFN"), Column("size", right=True), Column("what that means", wraps=True),
)  # fmt: skip


def _changes(d: Comparison, screen: Screen) -> Iterator[tuple[Cell, ...]]:
    (change,) = d.changes
    shift = page_shift(d.page_size)
    for word, style, runs, meaning in (
        ("removed", "error", change.removed, _REMOVED),
        ("added", "warning", change.added, {}),
    ):
        for first, last, ruling in islice(runs, screen.most(MAX_RUNS)):
            size = human_bytes((last - first + 1) << shift)
            says = meaning.get(ruling.verdict) or ruling.verdict or "newly listed"
            of_table = diff_units.meaning(d, word)
            if of_table is not None:
                says = of_table if ruling.verdict in (None, "replays") else f"{of_table}; {says}"
            says += diff_units.units_of(d, word, first, last)
            where = f" [{ruling.region}]" if ruling.region else ""
            yield (style, word), span(first, last), size, f"{says}{where}"


def _generation(x: CaseList) -> str:
    return f", kexec_count {x.kexec_count}" if x.kexec_count is not None else ""


#: What :func:`describe_history` says, worst first.
_HISTORIES = ("lost", "came back and lost", "appeared and lost", "came back", "appeared", "kept")
#: Those of a bad page that was listed and then was not.
_MISSING = frozenset(_HISTORIES[:4])


def chain_report(c: Comparison, screen: Screen | None = None) -> Iterator[str]:
    """Yield the table over the generations: of EFI tables alone by unit, else by page."""
    screen = screen or Screen()
    n, pages, units = len(c.cases), c.histories(), c.unit_histories()
    totals = list(_totals(c, screen.paint, pages, units))
    if screen.detail < 0:
        for total in totals:
            yield from fold(total, screen.prose, "", "  ")
        return
    sets = c.grid.units if c.grid else ()
    for number, (x, pfns) in enumerate(zip(c.cases, c.distinct(), strict=True)):
        step = c.changes[number - 1] if number else None
        change = f"  -{step.removed.pfns.pages()} +{step.added.pfns.pages()}" if step else ""
        of_units = f"{diff_units.step(sets, number)}; " if sets else ""
        text = f"{x.name}: {of_units}{pfns} PFN{'s' * (pfns != 1)}{_generation(x)}{change}"
        yield from fold(text, screen.prose, f"{number}  ")
        if number:
            found = owners_turnover(c.cases[number - 1], x)
            for line in turnover.lines(found, c.page_size):
                yield from fold(line, screen.prose, "   ", "     ")
    for total in totals:
        yield from fold(total, screen.prose, "", "  ")
    lives = pages if units is None else units
    names = {seen: describe_history(seen, n) for seen in set(lives.seen)}
    ranks = {seen: _worst_first((name, 0)) for seen, name in names.items()}
    ordered = sorted((x for x in lives if names[x.seen] != "kept"), key=lambda x: ranks[x.seen])
    rows: list[tuple[Cell, ...]] = []
    most = screen.most(MAX_RUNS)
    for history in ordered[:most]:
        name = names[history.seen]
        marks = " ".join("x" if history.seen >> i & 1 else "." for i in range(n))
        first, last, where = history.first, history.last, ""
        if c.grid:
            where = diff_units.unit_names(first, last)
            first, last = c.grid.pages(first, last, c.page_size)
        style = "error" if name in _MISSING else "warning"
        rows.append((marks, span(first, last), (style, name), where.strip()))
    heads = " ".join(str(i)[-1] for i in range(n))
    columns = (Column(heads), Column("PFN"), Column(""), Column("", wraps=True))
    yield from table(columns, rows, screen)
    if len(ordered) > most:
        yield f"  and {len(ordered) - most} more runs; -v shows them, --json has all"


def _totals(
    c: Comparison, paint: Paint, pages: Histories, units: Histories | None
) -> Iterator[str]:
    """Yield what became of all units, where there are any, and of all pages."""
    n = len(c.cases)
    by_page = _fates(pages, n)
    if c.grid and units is not None:
        by_unit = _fates(units, n)
        size, base = human_bytes(c.grid.unit_size), c.grid.phys_base
        counted = f"units of {size} from 0x{base:x}: {_sentence(by_unit, 'none at all')}"
        yield _painted(paint, counted, by_unit)
        yield _painted(paint, f"PFNs: {_sentence(by_page, 'none at all')}", by_page)
    else:
        yield _painted(paint, _sentence(by_page, "no PFNs at all"), by_page)


def _fates(lives: Histories, cases: int) -> dict[str, int]:
    """Return how many PFNs or units had each fate."""
    fates: dict[str, int] = {}
    for history in lives:
        name = describe_history(history.seen, cases)
        fates[name] = fates.get(name, 0) + history.last - history.first + 1
    return fates


def _sentence(fates: dict[str, int], none: str) -> str:
    parts = [f"{count} {name}" for name, count in sorted(fates.items(), key=_worst_first)]
    return ", ".join(parts) or none


def _painted(paint: Paint, sentence: str, fates: dict[str, int]) -> str:
    return paint("good" if _MISSING.isdisjoint(fates) else "error", sentence)


def _worst_first(item: tuple[str, int]) -> int:
    return _HISTORIES.index(item[0])
