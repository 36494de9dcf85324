"""Findings as lines for people, and as rows for reports that are tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.codes import CERTAINTY, code_of
from hwpkho.codes.limits import NOT_JUDGED
from hwpkho.report.parts.layout import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Severity
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

_LABEL = 9


def is_routine(f: Finding) -> bool:
    """Tell whether a finding is a note that nearly every report has, shown only with --verbose."""
    return f.severity == "note" and code_of(f.code).routine


def finding_lines(f: Finding, screen: Screen, *, advice: bool = True) -> Iterator[str]:
    """Yield the lines on a finding: its message and, with ``advice``, what the kernel does and what
    to do. Notes have the message alone.
    """
    code, indent = code_of(f.code), " " * (_LABEL + 2)
    head = f"  {screen.paint(f.severity, f'{f.severity:<{_LABEL}}')}"
    yield from fold(f"{f.code} {code.name}: {f.message}", screen.prose, head, indent)
    if f.severity == "note" or not advice:
        return
    kernel = f"{code.kernel} ({CERTAINTY[f.certainty]})"
    for label, text in (("kernel: ", kernel), ("advice: ", code.advice)):
        yield from fold(text, screen.prose, indent + screen.paint("dim", label))


class NamedFinding(NamedTuple):
    """A row of a report: a finding, or the error because of which a case could not be judged.

    Attributes:
        severity: error, warning or note.
        code: HP301.
        name: The name of the code: count-beyond-array.
        certainty: How sure it is what the kernel does: measured, source or policy.
        message: One line.
        counts: Whether it makes the case fail.
        first: First PFN; None if the finding has no pages.
        last: Last PFN, inclusive; likewise.
        phys: Physical address, None if it has none.
    """

    severity: Severity
    code: str
    name: str
    certainty: str
    message: str
    counts: bool
    first: int | None = None
    last: int | None = None
    phys: int | None = None

    @classmethod
    def of(cls, f: Finding, *, counts: bool = False) -> NamedFinding:
        """Return the row of a finding."""
        name = code_of(f.code).name
        return cls(
            f.severity, f.code, name, f.certainty, f.message, counts, f.first, f.last, f.phys
        )


def findings_of(result: CaseResult) -> list[NamedFinding]:
    """Return the rows of a case: its findings, worst first, or why it could not be judged."""
    v = result.validation
    if v is not None:
        return [NamedFinding.of(f, counts=result.fails(f)) for f in v.findings]
    code, accepted = NOT_JUDGED, result.accepted is not None
    severity: Severity = "note" if accepted else "error"
    return [
        NamedFinding(severity, code.id, code.name, code.certainty, result.error or "", not accepted)
    ]
