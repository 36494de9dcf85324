"""``hwpkho.validate/1`` and ``hwpkho.validate-batch/1``: judgements as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.report.parts import jsondoc, runs_json
from hwpkho.report.parts.headline import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.judge.case_result import CaseResult, Suppressed
    from hwpkho.judge.result import Validation
    from hwpkho.report.validate.formats import Context

SCHEMA = "hwpkho.validate/1"
BATCH_SCHEMA = "hwpkho.validate-batch/1"


def body(v: Validation, *, ok: bool, suppressed: Sequence[Suppressed] = ()) -> dict[str, Any]:
    """Return the document's fields."""
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
            "suppressed": len(suppressed),
            "may_stay_in_use": v.unsure,
        },
        "rests_on": list(v.rests_on),
        "findings": [f.to_json() for f in v.findings],
        "suppressed": [{**s.finding.to_json(), "by": s.by, "reason": s.reason} for s in suppressed],
        "runs": runs_json.judged(v.runs),
    }


def one(result: CaseResult, _context: Context) -> Iterator[str]:
    """Yield the document of a single case; nothing where it could not be judged."""
    v = result.validation
    if v is not None:
        fields = body(v, ok=not result.exit, suppressed=result.suppressed)
        yield from jsondoc.pieces(SCHEMA, fields.items())


def batch(results: Iterable[CaseResult], context: Context) -> Iterator[str]:
    """Yield ``hwpkho.validate-batch/1`` piece by piece, a result a line."""
    return jsondoc.pieces(BATCH_SCHEMA, _batch(results, context))


def _batch(results: Iterable[CaseResult], context: Context) -> Iterator[tuple[str, object]]:
    ends = [0, 0, 0, 0]
    outcomes: dict[str, int] = {}

    def each() -> Iterator[str]:
        before = "\n"
        for result in results:
            ends[result.exit] += 1
            if result.validation:
                key = str(result.validation.outcome or "null")
                outcomes[key] = outcomes.get(key, 0) + 1
            case = jsondoc.text(result.case)
            yield f'{before}{{"case":{case},"exit":{result.exit},"result":'
            yield from (piece.rstrip("\n") for piece in one(result, context))
            error = None if result.validation else result.error
            yield f'{"" if result.validation else "null"},"error":{jsondoc.text(error)}}}'
            before = ",\n"
        yield "\n"

    yield "results", jsondoc.Array(each())
    yield (
        "summary",
        {
            "cases": sum(ends),
            "ok": ends[0],
            "with_findings": ends[1],
            "not_judged": ends[2] + ends[3],
            "by_outcome": dict(sorted(outcomes.items())),
            "exit": max((i for i, n in enumerate(ends) if n), default=0),
            "notes": [f.to_json() for f in context.notes()],
        },
    )
