"""``hwpkho.validate/1``: a judgement as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hwpkho.render import jsondoc

if TYPE_CHECKING:
    from hwpkho.model.validation import Runs, Validation

SCHEMA = "hwpkho.validate/1"
_MARK = "hwpkho-runs"


def body(v: Validation, *, ok: bool) -> dict[str, Any]:
    """Return the document's fields but the runs, which stand as a mark: see :func:`document`."""
    return {
        "ok": ok,
        "page_size": v.page_size,
        "arch": v.arch,
        "outcome": v.outcome,
        "summary": {
            "pfns": v.pfns,
            "by_verdict": v.runs.counts(),
            "errors": v.count("error"),
            "warnings": v.count("warning"),
            "notes": v.count("note"),
        },
        "rests_on": list(v.rests_on),
        "findings": [f.to_json() for f in v.findings],
        "runs": _MARK,
    }


def document(v: Validation, *, ok: bool) -> str:
    """Return the whole document.

    A scattered list has as many runs as pages, so they are written by column, not as objects.
    """
    head, _, tail = jsondoc.dump(SCHEMA, body(v, ok=ok)).rpartition(json.dumps(_MARK))
    return f"{head}[{runs_text(v.runs)}]{tail}"


def runs_text(runs: Runs) -> str:
    """Return the runs as JSON objects, comma separated."""
    ends = [
        f', "verdict": {json.dumps(r.verdict)}, "code": {json.dumps(r.code)}, '
        f'"region": {json.dumps(r.region)}}}'
        for r in runs.rulings
    ]
    return ", ".join(
        [
            f'{{"first": {first}, "last": {last}{ends[ruling]}'
            for first, last, ruling in zip(runs.first, runs.last, runs.ruling, strict=True)
        ]
    )
