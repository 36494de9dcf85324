"""One case after the judgement: what counts of it, what the user accepts, how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hwpkho.codes import SEVERITIES

if TYPE_CHECKING:
    from hwpkho.codes import Severity
    from hwpkho.judging.result import Finding, Validation

#: From which severity on findings make a job fail.
FailOn = Literal["error", "warning", "note", "never"]
#: What keeps a finding from counting.
SuppressedBy = Literal["select", "ignore", "baseline"]
#: How a case stands, for people who look at many: ``fine`` is only what was judged whole.
State = Literal["findings", "not-judged", "accepted", "no-kho", "no-map", "fine"]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that neither the summary nor the exit code counts.

    Attributes:
        finding: As it was judged.
        by: ``select`` (not among the codes asked for), ``ignore`` or ``baseline``.
        reason: Why it is accepted, in the baseline's words; None for the other two.
    """

    finding: Finding
    by: SuppressedBy
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case.

    Attributes:
        case: Its name: the inputs of a single call, the folder or the manifest's name in a batch;
            printable.
        exit: What the case exits with: 0, 1, 2 or 3.
        inputs: As the user named them.
        memmaps: As the user named them.
        fail_on: From which severity on a finding makes the case fail.
        validation: Holds only the findings that count; None where the case could not be judged.
        error: Why it could not, one printable line.
        suppressed: Findings that do not count.
        used: Numbers of the baseline's entries that met a finding.
        accepted: Why a case that could not be judged is accepted, in the baseline's words; None for
            any other.
        drawn: A page on the case, made where it was judged; None where nobody asked for one.
    """

    case: str
    exit: int
    inputs: tuple[str, ...] = ()
    memmaps: tuple[str, ...] = ()
    fail_on: FailOn = "error"
    validation: Validation | None = None
    error: str | None = None
    suppressed: tuple[Suppressed, ...] = ()
    used: frozenset[int] = frozenset()
    accepted: str | None = None
    drawn: bytes | None = None

    @property
    def state(self) -> State:
        """How the case stands."""
        if self.validation is None:
            return "accepted" if self.accepted is not None else "not-judged"
        if self.exit:
            return "findings"
        judged = self.validation.state
        return "fine" if judged == "judged" else judged

    def fails(self, finding: Finding) -> bool:
        """Tell whether a finding is as bad as what makes the case fail."""
        return fails(finding, self.fail_on)


def fails(finding: Finding, fail_on: FailOn) -> bool:
    """Tell whether a finding is as bad as ``fail_on`` or worse."""
    return fails_at(finding.severity, fail_on)


def fails_at(severity: Severity, fail_on: FailOn) -> bool:
    """Tell whether a severity is ``fail_on`` or worse."""
    return fail_on != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(fail_on)
