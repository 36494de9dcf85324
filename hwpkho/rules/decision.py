"""What a rule on the outcome decides, and what rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.codes import Code, Problem
    from hwpkho.model.handover import Handover
    from hwpkho.model.validation import Finding, Outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decided: the outcome (None: cannot be told), and why where no problem says it."""

    outcome: Outcome | None
    finding: Finding | None = None


def problem_of(h: Handover, *codes: Code) -> Problem | None:
    """Return the first problem of the handover that has one of ``codes``."""
    ids = {c.id for c in codes}
    return next((p for p in h.problems if p.code in ids), None)
