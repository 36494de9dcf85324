"""Chooses which of a case's handovers counts; returns doubts, and why its list cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.role import which_counts
from hwpkho.base.options import option
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.abi.role import Role
    from hwpkho.codes import Problem
    from hwpkho.handover.model import Handover


def which_handover(handovers: Sequence[Handover], role: Role | None = None) -> Handover:
    """Return the handover that counts: the outgoing one if it has a hwpoison subtree, else the
    incoming; ``role`` chooses instead, and is taken as that of a single one whose role is unknown.
    An outgoing one whose root FDT is damaged counts as well. Raises InputError where there is none.
    """
    if role:
        if len(handovers) == 1 and handovers[0].role is None:
            return handovers[0]._replace(role=role)
        having = [h for h in handovers if h.role == role]
        if not having:
            have = ", ".join(str(h) for h in handovers) or "none"
            raise InputError(f"no handover with role {role}; there is: {have}")
        return having[-1]
    if not handovers:
        raise InputError("there is no handover")
    # An outgoing one that cannot be read may have the subtree, so the incoming one must not count.
    place = which_counts([(h.role, bool(h.hwpoison or h.unread)) for h in handovers])
    if place is None:
        raise InputError(
            "several handovers, and nothing shows which one counts; choose with "
            f"{option('root_fdt')}"
        )
    return handovers[place]


def of_role(handovers: Sequence[Handover], role: Role | None) -> tuple[Handover, ...]:
    """Return the handovers to show: all, or the one that ``role`` chooses.

    Raises InputError as :func:`which_handover` does.
    """
    return tuple(handovers) if role is None else (which_handover(handovers, role),)


def which_of_several(handovers: Sequence[Handover], chosen: Handover) -> str | None:
    """Return a note on which of several handovers was chosen; None for a single one."""
    return f"of {len(handovers)} handovers this is {chosen}" if len(handovers) > 1 else None


def doubts(handovers: Sequence[Handover]) -> tuple[Problem, ...]:
    """Return the problems that leave open which root FDT counts, or that say it is damaged."""
    return tuple(p for h in handovers for p in h.doubts)


def why_unread(handover: Handover) -> str:
    """Return why a handover's list cannot be read, as the end of a message; may be empty."""
    cause = handover.hwpoison.problem if handover.hwpoison else handover.root_problem
    why = f": {cause.code} {cause.message}" if cause else ""
    if handover.role == "out" and handover.unread:
        why += f"; {option('role', 'in')} takes the incoming one"
    return why
