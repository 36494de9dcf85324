"""Findings as lines for people, and as what reports in tables say of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.codes import registry
from hwpkho.codes.policy import NOT_JUDGED
from hwpkho.report.explain import CERTAINTY
from hwpkho.report.parts.layout import counted as counted
from hwpkho.report.parts.layout import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Severity
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

_LABEL = 9


def is_routine(f: Finding) -> bool:
    """Tell whether a finding stands in nearly every report, and is shown with --verbose only."""
    return f.severity == "note" and registry()[f.code].routine


def finding_lines(f: Finding, screen: Screen, *, advice: bool = True) -> Iterator[str]:
    """Yield a finding, and unless it is a note what the kernel does and what to do."""
    code, indent = registry()[f.code], " " * (_LABEL + 2)
    head = f"  {screen.paint(f.severity, f'{f.severity:<{_LABEL}}')}"
    yield from fold(f"{f.code} {code.name}: {f.message}", screen.prose, head, indent)
    if f.severity == "note" or not advice:
        return
    kernel = f"{code.kernel} ({CERTAINTY[f.certainty]})"
    for label, text in (("kernel: ", kernel), ("advice: ", code.advice)):
        yield from fold(text, screen.prose, indent + screen.paint("dim", label))


class NamedFinding(NamedTuple):
    """What a case is told of: a finding, or that the case could not be judged.

    Attributes:
        counts: Whether it makes the case fail.
        first: First PFN; last: last PFN, inclusive; phys: physical address, bytes. None: no place.
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
        """Return a finding with its name."""
        name = registry()[f.code].name
        return cls(
            f.severity, f.code, name, f.certainty, f.message, counts, f.first, f.last, f.phys
        )


def said_of(result: CaseResult) -> list[NamedFinding]:
    """Return the findings of a case, worst first; why it could not be judged is one."""
    v = result.validation
    if v is not None:
        return [NamedFinding.of(f, counts=result.fails(f)) for f in v.findings]
    code, accepted = NOT_JUDGED, result.accepted is not None
    severity: Severity = "note" if accepted else "error"
    return [
        NamedFinding(severity, code.id, code.name, code.certainty, result.error or "", not accepted)
    ]
