"""The two handovers of a running kernel: the one it got, and the one it prepares.

Source: kernel/liveupdate/kexec_handover_debugfs.c, which calls its folders ``in`` and ``out``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Role = Literal["in", "out"]


def which_counts(handovers: Sequence[tuple[Role | None, bool]]) -> int | None:
    """Return the place of the handover that the next kernel reads; None where nothing tells.

    ``handovers`` are roles, oldest generation first, and whether each has a list, or may have one.
    It is the outgoing one if that has a list, else the incoming one.
    """
    if len(handovers) > 1 and any(role is None for role, _ in handovers):
        return None
    places = range(len(handovers))
    outgoing = [n for n in places if handovers[n][0] == "out" and handovers[n][1]]
    incoming = [n for n in places if handovers[n][0] == "in"]
    return max(outgoing or incoming or places, default=None)
