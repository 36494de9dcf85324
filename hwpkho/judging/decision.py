"""What a rule on the outcome decides, and what rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwpkho.judging.result import of_problem

if TYPE_CHECKING:
    from hwpkho.codes import Problem
    from hwpkho.handover.model import Handover
    from hwpkho.judging.result import Finding, How, Outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decided, and by what.

    Attributes:
        outcome: None: it cannot be told.
        finding: What the rule found that reading did not report.
        problem: What reading reported, where that alone decides.
        how: What else is known of the outcome.
    """

    outcome: Outcome | None
    finding: Finding | None = None
    problem: Problem | None = None
    how: How | None = None

    @property
    def reason(self) -> Finding | None:
        """The finding that decides; None where the list replays, or nothing tells."""
        return self.finding or (of_problem(self.problem) if self.problem else None)


def spent(h: Handover) -> bool:
    """Whether this is the incoming handover of a running kernel, its tracker long reused."""
    return h.role == "in" and h.tracker == "gone"
