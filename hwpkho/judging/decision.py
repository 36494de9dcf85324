"""What a rule on the outcome decides, and what rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.judging.result import of_problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.codes import Problem
    from hwpkho.handover.model import Handover
    from hwpkho.judging.result import Finding, How, Outcome


class Decision(NamedTuple):
    """The outcome that a rule decided on, and what decides.

    Attributes:
        outcome: None: unknown, as the input lacks what decides.
        finding: What the rule itself found, None where a problem decides.
        problem: The problem of reading the handover that decides; None where the rule found more.
        how: How the outcome comes about; None if there is no more to say.
    """

    outcome: Outcome | None
    finding: Finding | None = None
    problem: Problem | None = None
    how: How | None = None

    @property
    def reason(self) -> Finding | None:
        """The finding that decides; None where the list replays, or the outcome is unknown."""
        return self.finding or (of_problem(self.problem) if self.problem else None)

    def among(self, problems: Iterable[Problem]) -> bool:
        """Tell whether one of ``problems`` decides.

        Of many of a kind only some are listed; one of the others may decide.
        """
        return self.finding is None and any(p is self.problem for p in problems)


def spent(h: Handover) -> bool:
    """Whether this is the incoming handover of a running kernel, its tracker long reused."""
    return h.role == "in" and h.tracker == "gone"
