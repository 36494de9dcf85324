"""``hwpkho.validate/1`` and ``hwpkho.validate-batch/1``: judgements as JSON."""

from __future__ import annotations

import json
from itertools import groupby
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


def document(v: Validation, *, ok: bool, suppressed: Iterable[Suppressed] = ()) -> str:
    """Return the whole document.

    A scattered list has as many runs as pages, so they are written by column, not as objects.
    """
    whole = jsondoc.dump(SCHEMA, body(v, ok=ok, suppressed=tuple(suppressed)))
    head, _, tail = whole.rpartition(json.dumps(_MARK))
    return f"{head}[{runs_text(v.runs)}]{tail}"


def runs_text(runs: Runs) -> str:
    """Return the runs as JSON objects, comma separated."""
    shapes = [
        f'{{"first": %d, "last": %d, "verdict": {_fixed(r.verdict)}, "code": {_fixed(r.code)}, '
        f'"region": {_fixed(r.region)}}}'
        for r in runs.rulings
    ]
    texts: list[str] = []
    at = 0
    for number, same in groupby(runs.ruling):
        end = at + sum(1 for _ in same)
        pairs = zip(runs.first[at:end], runs.last[at:end], strict=True)
        texts.extend(map(shapes[number].__mod__, pairs))
        at = end
    return ", ".join(texts)


def _fixed(value: str | None) -> str:
    """Return a JSON value that stands in a format string as it is."""
    return json.dumps(value).replace("%", "%%")


def one(result: CaseResult, context: Context) -> str:  # noqa: ARG001 - the formats' signature
    """Return the document of a single case."""
    if result.validation is None:
        return ""
    return document(result.validation, ok=not result.exit, suppressed=result.suppressed)


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
        yield before + _result(result, context)
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


def _result(result: CaseResult, context: Context) -> str:
    whole = one(result, context).rstrip() or "null"
    error = None if result.validation else result.error
    return (
        f'{{"case": {json.dumps(result.case)}, "exit": {result.exit}, '
        f'"result": {whole}, "error": {json.dumps(error)}}}'
    )
