"""merge for people and as JSON."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.sets import known_by
from hwpkho.base.listing import parts
from hwpkho.judging.result import Runs
from hwpkho.report.encode import json as encode_json
from hwpkho.report.parts import efi_table, jsondoc, runs_json, turnover
from hwpkho.report.parts.layout import Column, fold, span, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.provenance import Entries
    from hwpkho.commands.merge import Merged

SCHEMA = "hwpkho.merge/1"
#: Longer lists of runs are cut; --verbose and --json have them whole.
MAX_RUNS = 20


def body(m: Merged, output: str | None) -> dict[str, Any]:
    """Return the fields of ``hwpkho.merge/1``; ``output`` is the file written, None for none."""
    return {
        "page_size": m.page_size,
        "arch": m.arches[0] if len(m.arches) == 1 else None,
        "cases": [
            {"name": name, "entries": size, "efi_table": efi_table.read(table)}
            for name, size, table in zip(m.cases, m.sizes, m.tables, strict=True)
        ],
        "output": output,
        "duplicates": m.duplicates,
        "excluded": m.excluded,
        "not_replaying": runs_json.judged(m.not_replaying) if m.judged else None,
        "left_out": runs_json.judged(m.left_out) if m.judged else None,
        "kept_all": m.kept_all,
        "provenance": runs_json.histories(m.histories, lambda seen: {"cases": known_by(seen)})
        if m.histories is not None
        else None,
        "entries": jsondoc.Array(_entries(m.entries))
        if m.histories is not None and m.entries
        else None,
        "problems": [p._asdict() for p in m.problems],
        "loss": m.loss._asdict() if m.loss else None,
        "handover": encode_json.handover(m.layout) if m.layout else None,
        "efi_table": efi_table.written(m.table),
        "owners": [turnover.field(found, m.page_size) for found in m.owners],
        "pfns": jsondoc.numbers(m.pfns),
    }


def _entries(known: Entries) -> Iterator[str]:
    """Yield the entries in pieces: what many of them share becomes text once."""
    text = lru_cache(maxsize=1 << 12)(jsondoc.text)
    before = ""
    for part in parts(zip(known.case, known.mentions, strict=True)):
        yield before + ",".join(
            f'{{"case":{case},"first":{m.first},"last":{m.last},"kind":{text(m.kind)},'
            f'"when":{text(m.when)},"source":{text(m.source)},"where":{text(m.where)}}}'
            for case, m in part
        )
        before = ","


def report(m: Merged, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    screen = screen or Screen()
    for number, (name, size) in enumerate(zip(m.cases, m.sizes, strict=True)):
        yield from fold(f"case {number}: {name}, {size} entries", screen.prose, "", "  ")
        if number:
            for line in turnover.lines(m.owners[number - 1], m.page_size):
                yield from fold(line, screen.prose, "  ", "    ")
    excluded = f", {m.excluded} excluded" if m.excluded else ""
    yield f"{m.pfns.count} PFNs, {m.duplicates} duplicates dropped{excluded}"
    if m.table:
        yield from fold(f"EFI table: {efi_table.described(m.table)}", screen.prose, "", "  ")
    yield from left_out(m, screen)
    rest = _without(m.not_replaying, m.left_out)
    yield from _told("kept though not replaying", rest, screen)


def left_out(m: Merged, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines about what merge left out by the memory map."""
    yield from _told("left out by the memory map", m.left_out, screen or Screen())


def _without(runs: Runs, others: Runs) -> Runs:
    """Return the runs whose ruling ``others`` do not have: a ruling is left out as a whole."""
    rest = Runs(runs.pfns)
    for first, last, ruling in runs.stretches():
        if ruling not in others.rulings:
            rest.add(first, last, ruling)
    return rest


def _told(what: str, runs: Runs, screen: Screen) -> Iterator[str]:
    if not runs.rulings:
        return
    counts = [f"{n} {verdict}" for verdict, n in runs.counts().items()]
    pairs = zip(runs.rulings, runs.extents, strict=True)
    unknown = sum(extent.pfns for ruling, extent in pairs if ruling.verdict is None)
    if unknown:
        counts.append(f"{unknown} not judged by the map")
    yield from fold(f"{what}: {', '.join(counts)}", screen.prose, "", "  ")
    most, count = screen.most(MAX_RUNS), runs.count()
    rows = [(span(a, b), r.verdict or "unknown", r.region or "") for a, b, r in islice(runs, most)]
    yield from table((Column(""), Column(""), Column("", wraps=True)), rows, screen)
    if count > most:
        yield f"  and {count - most} more runs; -v shows all"
