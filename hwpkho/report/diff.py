"""diff for people and as JSON. Removed pages come first: known-bad memory back in circulation."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.sets import describe_history
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.inputs.lists import owners_turnover
from hwpkho.report import diff_units
from hwpkho.report.parts import jsondoc, runs_json, turnover
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.sets import Histories
    from hwpkho.commands.diff import Comparison
    from hwpkho.inputs.lists import CaseList

SCHEMA = "hwpkho.diff/1"
CHAIN_SCHEMA = "hwpkho.diff-chain/1"
#: Longer lists of runs are cut; --json and --plain have them whole.
MAX_RUNS = 60

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
            span = f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
            yield f"{sign}{span}" + (f" {ruling.verdict}" if ruling.verdict else "")


def report(d: Comparison, paint: Paint | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    paint = paint or Paint()
    (change,) = d.changes
    if missed := handed_out_again(d):
        pages = "1 page is" if missed == 1 else f"{missed} pages are"
        yield paint("error", f"{pages} known bad and not in the handover: will be handed out again")
    style = "error" if change.removed.pfns else "warning" if change.added.pfns else "good"
    if d.units is not None:
        yield paint(style, summary(d))
    for label, x, pfns in zip(("before", "after "), d.cases, d.distinct(), strict=True):
        yield f"{label}  {x.name}: {pfns} PFNs{_generation(x)}"
    if d.units is None:
        yield paint(style, summary(d))
    yield from turnover.lines(owners_turnover(*d.cases), d.page_size)
    shift = page_shift(d.page_size)
    for word, style, runs, meaning in (
        ("removed", "error", change.removed, _REMOVED),
        ("added", "warning", change.added, {}),
    ):
        for n, (first, last, ruling) in enumerate(runs):
            if n == MAX_RUNS:
                yield f"  {word} … and {runs.count() - MAX_RUNS} more runs; --plain has them all"
                break
            span = f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
            size = human_bytes((last - first + 1) << shift)
            says = meaning.get(ruling.verdict) or ruling.verdict or "newly listed"
            of_table = diff_units.meaning(d, word)
            if of_table is not None:
                says = of_table if ruling.verdict in (None, "replays") else f"{of_table}; {says}"
            says += diff_units.units_of(d, word, first, last)
            where = f" [{ruling.region}]" if ruling.region else ""
            yield f"  {paint(style, f'{word:<7}')}  {span:<24}  {size:>8}  {says}{where}"


def _generation(x: CaseList) -> str:
    return f", kexec_count {x.kexec_count}" if x.kexec_count is not None else ""


#: What :func:`describe_history` says, worst first.
_HISTORIES = ("lost", "came back and lost", "appeared and lost", "came back", "appeared", "kept")
#: Those of a bad page that was listed and then was not.
_MISSING = frozenset(_HISTORIES[:4])


def chain_report(c: Comparison, paint: Paint | None = None) -> Iterator[str]:
    """Yield the table over the generations: of EFI tables alone by unit, else by page."""
    paint = paint or Paint()
    sets = c.grid.units if c.grid else ()
    for n, (x, pfns) in enumerate(zip(c.cases, c.distinct(), strict=True)):
        step = c.changes[n - 1] if n else None
        change = f"  -{step.removed.pfns.pages()} +{step.added.pfns.pages()}" if step else ""
        of_units = f"{diff_units.step(sets, n)}; " if sets else ""
        yield f"{n}  {x.name}: {of_units}{pfns} PFNs{_generation(x)}{change}"
        if n:
            found = owners_turnover(c.cases[n - 1], x)
            yield from (f"   {line}" for line in turnover.lines(found, c.page_size))
    n, pages, units = len(c.cases), c.histories(), c.unit_histories()
    by_page = _fates(pages, n)
    if c.grid and units is not None:
        by_unit = _fates(units, n)
        size, base = human_bytes(c.grid.unit_size), c.grid.phys_base
        counted = f"units of {size} from 0x{base:x}: {_sentence(by_unit, 'none at all')}"
        yield _painted(paint, counted, by_unit)
        yield _painted(paint, f"PFNs: {_sentence(by_page, 'none at all')}", by_page)
    else:
        yield _painted(paint, _sentence(by_page, "no PFNs at all"), by_page)
    lives = pages if units is None else units
    names = {seen: describe_history(seen, n) for seen in set(lives.seen)}
    ranks = {seen: _worst_first((name, 0)) for seen, name in names.items()}
    ordered = sorted((x for x in lives if names[x.seen] != "kept"), key=lambda x: ranks[x.seen])
    for shown, history in enumerate(ordered):
        if shown == MAX_RUNS:
            yield f"  … and {len(ordered) - MAX_RUNS} more runs; --json has them all"
            break
        name = names[history.seen]
        marks = " ".join("x" if history.seen >> i & 1 else "." for i in range(n))
        first, last, where = history.first, history.last, ""
        if c.grid:
            where = diff_units.unit_names(first, last)
            first, last = c.grid.pages(first, last, c.page_size)
        span = f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
        style = "error" if name in _MISSING else "warning"
        yield f"  {marks}  {span:<24}  {paint(style, name)}{where}"


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
