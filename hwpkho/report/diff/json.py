"""diff as JSON: ``hwpkho.diff/1`` and ``hwpkho.diff-chain/1``."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hwpkho.inputs.lists import owners_turnover
from hwpkho.report.diff import by_unit
from hwpkho.report.parts import jsondoc, runs_json, turnover

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.commands.diff import Comparison
    from hwpkho.inputs.lists import CaseList

SCHEMA = "hwpkho.diff/1"
CHAIN_SCHEMA = "hwpkho.diff-chain/1"


def _case(x: CaseList, distinct: int) -> dict[str, Any]:
    return {"name": x.name, "pfns": distinct, "kexec_count": x.kexec_count}


def body(d: Comparison) -> dict[str, Any]:
    """Return the fields of ``hwpkho.diff/1``, for a comparison of two cases."""
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
        "efi": by_unit.field(d),
        "owners": turnover.field(owners_turnover(*d.cases), d.page_size),
    }


def chain_body(c: Comparison) -> dict[str, Any]:
    """Return the fields of ``hwpkho.diff-chain/1``, for a comparison of three cases or more."""
    n = len(c.cases)
    steps = [
        (jsondoc.numbers(x.added.pfns.listing()), jsondoc.numbers(x.removed.pfns.listing()))
        for x in c.changes
    ]
    return {
        "page_size": c.page_size,
        "cases": list(map(_case, c.cases, c.distinct())),
        "steps": jsondoc.Array(_steps(c, steps)),
        "lives": runs_json.histories(c.histories(), lambda seen: by_unit.history(seen, n)),
        "efi": by_unit.chain_field(c),
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
