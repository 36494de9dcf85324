"""The two handovers of a running kernel: the one it received, and the one it prepares.

Source: kernel/liveupdate/kexec_handover_debugfs.c, which names its folders ``in`` and ``out``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Role = Literal["in", "out"]


def which_counts(handovers: Sequence[tuple[Role | None, bool]]) -> int | None:
    """Return the index of the handover that the next kernel reads, None where that is not known.

    ``handovers`` are ``(role, whether it has or may have a list)``, oldest generation first. The
    newest outgoing one with a list counts, else the newest incoming one.
    """
    if len(handovers) > 1 and any(role is None for role, _ in handovers):
        return None
    places = range(len(handovers))
    outgoing = [n for n in places if handovers[n][0] == "out" and handovers[n][1]]
    incoming = [n for n in places if handovers[n][0] == "in"]
    return max(outgoing or incoming or places, default=None)
