"""``hwpkho.validate/1`` and ``hwpkho.validate-batch/1``: judgements as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hwpkho.render import jsondoc
from hwpkho.render.headline import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.model.caseresult import CaseResult, Suppressed
    from hwpkho.model.validation import Runs, Validation
    from hwpkho.render.formats import Context

SCHEMA = "hwpkho.validate/1"
BATCH_SCHEMA = "hwpkho.validate-batch/1"
_MARK = "hwpkho-runs"
#: Runs written at once.
_PIECE = 4096


def body(v: Validation, *, ok: bool, suppressed: Iterable[Suppressed] = ()) -> dict[str, Any]:
    """Return the document's fields but the runs, which stand as a mark: see :func:`document`."""
    return {
        "ok": ok,
        "page_size": v.page_size,
        "arch": v.arch,
        "outcome": v.outcome,
        "headline": headline(v)[1],
        "summary": {
            "pfns": v.pfns,
            "by_verdict": v.runs.counts(),
            "errors": v.count("error"),
            "warnings": v.count("warning"),
            "notes": v.count("note"),
            "suppressed": sum(1 for _ in suppressed),
        },
        "rests_on": list(v.rests_on),
        "findings": [f.to_json() for f in v.findings],
        "suppressed": [{**s.finding.to_json(), "by": s.by, "reason": s.reason} for s in suppressed],
        "runs": _MARK,
    }


def document(v: Validation, *, ok: bool, suppressed: Iterable[Suppressed] = ()) -> Iterator[str]:
    """Yield the document piece by piece.

    A scattered list has as many runs as pages, so they are written by column, not as objects.
    """
    whole = jsondoc.dump(SCHEMA, body(v, ok=ok, suppressed=tuple(suppressed)))
    head, _, tail = whole.rpartition(json.dumps(_MARK))
    yield f"{head}["
    yield from runs_text(v.runs)
    yield f"]{tail}"


def runs_text(runs: Runs) -> Iterator[str]:
    """Yield the runs as JSON objects, comma separated."""
    ends = [
        f', "verdict": {json.dumps(r.verdict)}, "code": {json.dumps(r.code)}, '
        f'"region": {json.dumps(r.region)}}}'
        for r in runs.rulings
    ]
    for at in range(0, len(runs), _PIECE):
        part = slice(at, at + _PIECE)
        columns = zip(runs.first[part], runs.last[part], runs.ruling[part], strict=True)
        text = ", ".join([f'{{"first": {a}, "last": {b}{ends[ruling]}' for a, b, ruling in columns])
        yield f", {text}" if at else text


def one(
    result: CaseResult,
    context: Context,  # noqa: ARG001 - the formats' signature
) -> Iterator[str]:
    """Yield the document of a single case; nothing where it could not be judged."""
    if result.validation is not None:
        yield from document(result.validation, ok=not result.exit, suppressed=result.suppressed)


def batch(results: Iterable[CaseResult], context: Context) -> Iterator[str]:
    """Yield ``hwpkho.validate-batch/1`` piece by piece, a result a line."""
    head, _, tail = jsondoc.dump(BATCH_SCHEMA, {"results": [_MARK]}).partition(json.dumps(_MARK))
    yield head
    ends = [0, 0, 0, 0]
    outcomes: dict[str, int] = {}
    before = "\n"
    for result in results:
        ends[result.exit] += 1
        if result.validation:
            key = str(result.validation.outcome or "null")
            outcomes[key] = outcomes.get(key, 0) + 1
        yield f'{before}{{"case": {json.dumps(result.case)}, "exit": {result.exit}, "result": '
        yield from (piece.rstrip("\n") for piece in one(result, context))
        error = None if result.validation else result.error
        yield f'{"" if result.validation else "null"}, "error": {json.dumps(error)}}}'
        before = ",\n"
    summary = {
        "cases": sum(ends),
        "ok": ends[0],
        "with_findings": ends[1],
        "not_judged": ends[2] + ends[3],
        "by_outcome": dict(sorted(outcomes.items())),
        "exit": max((i for i, n in enumerate(ends) if n), default=0),
        "notes": [f.to_json() for f in context.notes()],
    }
    yield "\n" + tail.rstrip()[:-1] + f', "summary": {json.dumps(summary)}}}\n'
