"""decode: what a handover says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.commands import usage
from hwpkho.errors import InputError
from hwpkho.inputs.case import Case, CaseOptions, read_case
from hwpkho.inputs.role import which_handover, why_unread

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from hwpkho.handover.model import Handover


def decode(
    specs: Sequence[str],
    options: CaseOptions | None = None,
    given: frozenset[str] = frozenset(),
) -> Case:
    """Read the handovers in ``specs``.

    Raises InputError for a list of PFNs, which is no handover; UsageError where nothing reads an
    option among ``given``.
    """
    if options is not None:
        usage.check_pair(options)
    case = read_case(specs, options, plain=False)
    usage.refuse(given, usage.of_case(case))
    return case


def exit_code(handovers: Sequence[Handover]) -> int:
    """Return 1 where a handover has errors, else 0."""
    return int(any(p.severity == "error" for h in handovers for p in h.problems))


def pfns(handovers: Sequence[Handover]) -> tuple[Handover, array[int]]:
    """Return the handover that counts and its list; InputError where it has no readable one."""
    handover = which_handover(handovers)
    where = handover.hwpoison
    if where is None and not handover.unread:
        raise InputError(f"{handover.source}: {handover} has no hwpoison subtree")
    if where is None or where.pfns is None:
        raise InputError(
            f"{handover.source}: the list of {handover} cannot be read{why_unread(handover)}"
        )
    return handover, where.pfns
