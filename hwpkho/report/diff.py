"""diff for people and as JSON. Removed pages come first: known-bad memory back in circulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.badpages.sets import fate
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.report.parts import jsondoc, runs_json
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.sets import Difference
    from hwpkho.commands.diff import Chain, Diff
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
    "in-use": "lost; something occupies it either way",
    "handover": "LOST: a page of the handover",
    "firmware": "not the kernel's memory: nothing lost",
    "retired": "the map excludes it anyway: nothing lost",
    "device": "device memory: its driver has to know it",
    "not-ram": "never was RAM: nothing lost",
}


def _case(x: CaseList, distinct: int) -> dict[str, Any]:
    return {"name": x.name, "pfns": distinct, "kexec_count": x.kexec_count}


def _distinct(steps: Sequence[Difference]) -> list[int]:
    """Return how many distinct PFNs each of the lists has that ``steps`` lead along."""
    first = steps[0].common + steps[0].removed.pages()
    return [first, *(step.common + step.added.pages() for step in steps)]


def body(d: Diff) -> dict[str, Any]:
    """Return the fields of ``hwpkho.diff/1``."""
    before, after = _distinct([d.change])
    return {
        "page_size": d.before.page_size,
        "before": _case(d.before, before),
        "after": _case(d.after, after),
        "added": jsondoc.numbers(d.change.added.listing()),
        "removed": jsondoc.numbers(d.change.removed.listing()),
        "common": d.change.common,
        "added_runs": runs_json.judged(d.added),
        "removed_runs": runs_json.judged(d.removed),
    }


def chain_body(c: Chain) -> dict[str, Any]:
    """Return the fields of ``hwpkho.diff-chain/1``."""
    n = len(c.cases)
    return {
        "page_size": c.cases[0].page_size,
        "cases": [_case(x, pfns) for x, pfns in zip(c.cases, _distinct(c.steps), strict=True)],
        "steps": jsondoc.Array(_steps(c)),
        "lives": runs_json.lives(
            c.lives,
            lambda seen: {"seen": [bool(seen >> i & 1) for i in range(n)], "fate": fate(seen, n)},
        ),
    }


def _steps(c: Chain) -> Iterator[str]:
    before = ""
    for step in c.steps:
        yield f'{before}{{"added":['
        yield from jsondoc.numbers(step.added.listing()).pieces
        yield '],"removed":['
        yield from jsondoc.numbers(step.removed.listing()).pieces
        yield f'],"common":{step.common}}}'
        before = ","


def summary(d: Diff) -> str:
    """Return the one line that says it all."""
    c = d.change
    if c.empty:
        return f"no difference: {c.common} PFNs in both"
    return f"{c.removed.pages()} removed, {c.added.pages()} added, {c.common} kept"


def plain(d: Diff) -> Iterator[str]:
    """Yield one line a run: ``-`` or ``+``, the PFNs, and the verdict where a map was given."""
    for sign, runs in (("-", d.removed), ("+", d.added)):
        for first, last, ruling in runs:
            span = f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
            yield f"{sign}{span}" + (f" {ruling.verdict}" if ruling.verdict else "")


def report(d: Diff, paint: Paint | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    paint = paint or Paint()
    before, after = _distinct([d.change])
    for label, x, pfns in (("before", d.before, before), ("after ", d.after, after)):
        yield f"{label}  {x.name}: {pfns} PFNs{_generation(x)}"
    style = "error" if d.change.removed else "warning" if d.change.added else "good"
    yield paint(style, summary(d))
    shift = page_shift(d.before.page_size)
    for word, style, runs, meaning in (
        ("removed", "error", d.removed, _REMOVED),
        ("added", "warning", d.added, {}),
    ):
        for n, (first, last, ruling) in enumerate(runs):
            if n == MAX_RUNS:
                yield f"  {word} … and {runs.count() - MAX_RUNS} more runs; --plain has them all"
                break
            span = f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
            size = human_bytes((last - first + 1) << shift)
            says = meaning.get(ruling.verdict) or ruling.verdict or "newly listed"
            where = f" [{ruling.region}]" if ruling.region else ""
            yield f"  {paint(style, f'{word:<7}')}  {span:<24}  {size:>8}  {says}{where}"


def _generation(x: CaseList) -> str:
    return f", kexec_count {x.kexec_count}" if x.kexec_count is not None else ""


def chain_report(c: Chain, paint: Paint | None = None) -> Iterator[str]:
    """Yield the table over the generations."""
    paint = paint or Paint()
    for n, (x, pfns) in enumerate(zip(c.cases, _distinct(c.steps), strict=True)):
        step = c.steps[n - 1] if n else None
        change = f"  -{step.removed.pages()} +{step.added.pages()}" if step else ""
        yield f"{n}  {x.name}: {pfns} PFNs{_generation(x)}{change}"
    n = len(c.cases)
    names = {seen: fate(seen, n) for seen in set(c.lives.seen)}
    fates: dict[str, int] = {}
    for life in c.lives:
        name = names[life.seen]
        fates[name] = fates.get(name, 0) + life.last - life.first + 1
    told = [f"{count} {name}" for name, count in sorted(fates.items(), key=_worst_first)]
    bad = any("lost" in name or name == "came back" for name in fates)
    yield paint("error" if bad else "good", ", ".join(told) or "no PFNs at all")
    ranks = {seen: _worst_first((name, 0)) for seen, name in names.items()}
    ordered = sorted((x for x in c.lives if names[x.seen] != "kept"), key=lambda x: ranks[x.seen])
    for shown, life in enumerate(ordered):
        if shown == MAX_RUNS:
            yield f"  … and {len(ordered) - MAX_RUNS} more runs; --json has them all"
            break
        name = names[life.seen]
        marks = " ".join("x" if life.seen >> i & 1 else "." for i in range(n))
        span = (
            f"0x{life.first:x}" if life.first == life.last else f"0x{life.first:x}-0x{life.last:x}"
        )
        style = "error" if "lost" in name or name == "came back" else "warning"
        yield f"  {marks}  {span:<24}  {paint(style, name)}"


def _worst_first(item: tuple[str, int]) -> int:
    order = ("lost", "came back and lost", "appeared and lost", "came back", "appeared", "kept")
    return order.index(item[0])
