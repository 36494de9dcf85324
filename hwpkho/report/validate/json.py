"""``hwpkho.validate/1`` and ``hwpkho.validate-batch/1``: judgements as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from hwpkho.judging.case_result import State
from hwpkho.report.parts import jsondoc, runs_json
from hwpkho.report.parts.headline import headline
from hwpkho.report.validate.base import TextReport, TextWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult, Suppressed
    from hwpkho.judging.result import Finding, Validation
    from hwpkho.report.parts.screen import Screen

SCHEMA = "hwpkho.validate/1"
BATCH_SCHEMA = "hwpkho.validate-batch/1"


def body(v: Validation, *, ok: bool, suppressed: Sequence[Suppressed] = ()) -> dict[str, Any]:
    """Return the fields of ``hwpkho.validate/1``; ``ok`` is whether the exit code is 0."""
    return {
        "ok": ok,
        "page_size": v.page_size,
        "arch": v.arch,
        "outcome": v.outcome,
        "state": v.state,
        "headline": headline(v)[1],
        "decided_by": v.decided_by.to_json() if v.decided_by else None,
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
        "efi": v.efi.to_json() if v.efi else None,
        "scratch": v.scratch.to_json() if v.scratch else None,
        "findings": [f.to_json() for f in v.findings],
        "suppressed": [{**s.finding.to_json(), "by": s.by, "reason": s.reason} for s in suppressed],
        "runs": runs_json.judged(v.runs),
    }


class _One(TextWriter):
    """The document on a single case; nothing if it could not be judged."""

    def add(self, result: CaseResult) -> None:
        self.write_all(_document(result))

    def finish(self, _notes: Sequence[Finding]) -> None:
        """Write nothing: a document is complete."""


class _Many(TextWriter):
    """``hwpkho.validate-batch/1``, with a line for each result."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._ends = [0, 0, 0, 0]
        self._states = dict.fromkeys(get_args(State), 0)
        self._outcomes: dict[str, int] = {}
        self._before = "\n"
        self.write(jsondoc.begin(BATCH_SCHEMA), ',"results":[')

    def add(self, result: CaseResult) -> None:
        self._ends[result.exit] += 1
        self._states[result.state] += 1
        v = result.validation
        if v:
            key = str(v.outcome or "null")
            self._outcomes[key] = self._outcomes.get(key, 0) + 1
        self.write(self._before)
        self.write_all(entry(result))
        self._before = ",\n"

    def finish(self, notes: Sequence[Finding]) -> None:
        ends = self._ends
        summary = {
            "cases": sum(ends),
            "ok": ends[0] - self._states["accepted"],
            "with_findings": ends[1],
            "not_judged": ends[2] + ends[3],
            "by_state": self._states,
            "by_outcome": dict(sorted(self._outcomes.items())),
            "exit": max((i for i, n in enumerate(ends) if n), default=0),
            "notes": [f.to_json() for f in notes],
        }
        self.write(f'\n],"summary":{jsondoc.text(summary)}}}\n')


def entry(result: CaseResult) -> Iterator[str]:
    """Yield an item of ``results`` in pieces, all on one line without its newline."""
    yield f'{{"case":{jsondoc.text(result.case)},"exit":{result.exit},"result":'
    yield from (piece.rstrip("\n") for piece in _document(result))
    yield "" if result.validation else "null"
    error = jsondoc.text(None if result.validation else result.error)
    yield f',"error":{error},"accepted":{jsondoc.text(result.accepted)}'
    yield f',"state":{jsondoc.text(result.state)}}}'


def _document(result: CaseResult) -> Iterator[str]:
    v = result.validation
    if v is not None:
        fields = body(v, ok=not result.exit, suppressed=result.suppressed)
        yield from jsondoc.pieces(SCHEMA, fields.items())


REPORT = TextReport("json", f"one JSON document, {SCHEMA} or {BATCH_SCHEMA}", _One, _Many)
