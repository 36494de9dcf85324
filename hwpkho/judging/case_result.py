"""The result of one case: findings that count, findings that the user accepts, the exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.codes import SEVERITIES

if TYPE_CHECKING:
    from hwpkho.codes import Severity
    from hwpkho.judging.result import Finding, Validation

#: The least severity of a finding that makes a case fail.
FailOn = Literal["error", "warning", "note", "never"]
#: What keeps a finding from counting.
SuppressedBy = Literal["select", "ignore", "baseline"]
#: A case in one word, for people who look at many: ``fine`` only if all of it could be judged.
State = Literal["findings", "not-judged", "accepted", "no-kho", "no-map", "fine"]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that neither the summary nor the exit code counts.

    Attributes:
        finding: The finding, unchanged.
        by: ``select`` (not among the codes asked for), ``ignore`` or ``baseline``.
        reason: Why it is accepted, in the baseline's words; None for the other two.
    """

    finding: Finding
    by: SuppressedBy
    reason: str | None = None


class CaseResult(NamedTuple):
    """The result of one case.

    Attributes:
        case: Its name: the inputs of a single call, the folder or the manifest's name in a batch;
            printable.
        exit: Exit code of the case: 0, 1, 2 or 3.
        inputs: As the user named them.
        memmaps: As the user named them.
        fail_on: The least severity that makes the case fail.
        validation: Holds only the findings that count; None where the case could not be judged.
        error: Why it could not, one printable line.
        suppressed: Findings that do not count.
        used: Indices of the baseline's entries that accept one of its findings.
        accepted: Why a case that could not be judged is accepted, in the baseline's words; None for
            any other.
        drawn: A page on the case, made by the process that judged it; None if none was wanted.
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
        """The case in one word."""
        if self.validation is None:
            return "accepted" if self.accepted is not None else "not-judged"
        if self.exit:
            return "findings"
        judged = self.validation.state
        return "fine" if judged == "judged" else judged

    def fails(self, finding: Finding) -> bool:
        """Tell whether a finding is severe enough to make the case fail."""
        return fails(finding, self.fail_on)


def fails(finding: Finding, fail_on: FailOn) -> bool:
    """Tell whether a finding is as severe as ``fail_on`` or worse; never for ``never``."""
    return fails_at(finding.severity, fail_on)


def fails_at(severity: Severity, fail_on: FailOn) -> bool:
    """Tell whether a severity is ``fail_on`` or worse; never for ``never``."""
    return fail_on != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(fail_on)
