"""What a rule on the outcome decides, and what rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.handover.model import Handover
    from hwpkho.judge.result import Finding, Outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decided: the outcome (None: cannot be told), and why where no problem says it."""

    outcome: Outcome | None
    finding: Finding | None = None


def spent(h: Handover) -> bool:
    """Whether this is the incoming handover of a running kernel, its tracker long reused."""
    return h.role == "in" and h.tracker == "gone"
