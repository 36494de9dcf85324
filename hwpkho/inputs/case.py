"""A case: everything a user gave about one machine at one moment, read and joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.errors import InputError
from hwpkho.handover import assemble
from hwpkho.handover.assemble import CaseOptions
from hwpkho.images.overlay import CombinedSource
from hwpkho.inputs.recognise import Memory, recognise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.codes import Problem
    from hwpkho.handover.debugfs import Copy
    from hwpkho.handover.model import Handover, Role
    from hwpkho.images.base import Source

__all__ = ["Case", "CaseOptions", "doubts", "of_role", "pick", "read_case", "why_unread"]


class Case(NamedTuple):
    """What the inputs of one case hold: handovers, or a plain list.

    Attributes:
        name: The inputs as the user named them, printable.
        handovers: Oldest generation first; empty for a plain list.
        pages: The plain list, None for handovers.
        source: The memory that the handovers were read from, None where there is none.
    """

    name: str
    handovers: tuple[Handover, ...]
    pages: BadPages | None
    source: Source | None = None


def read_case(
    specs: Sequence[str],
    options: CaseOptions | None = None,
    asked: Asked | None = None,
    *,
    bare: bool = True,
) -> Case:
    """Read the inputs of one case.

    ``specs`` name memory images (``FILE``, ``FILE@0xBASE``, a folder of segments), copies of
    /sys/kernel/debug/kho, single structures, or one list of PFNs; ``-`` is standard input.
    ``asked`` is what the user says of lists; without ``bare`` a list is no case.
    Raises InputError where one cannot be read or two of them conflict.
    """
    options = options or CaseOptions()
    images: list[Memory] = []
    copies: list[Copy] = []
    lists: list[BadPages] = []
    for spec in specs:
        found = recognise(spec, asked, bare=bare)
        if isinstance(found, Memory):
            images.append(found)
            copies += found.copies
        elif isinstance(found, list):
            copies += found
        else:
            lists.append(found)
    name = ", ".join(
        [m.source.name for m in images] + [c.name for c in copies] + [x.name for x in lists]
    )
    if lists:
        if len(lists) > 1 or images or copies:
            raise InputError(
                f"{lists[0].name}: a list of PFNs is a case of its own; merge joins several"
            )
        return Case(name, (), lists[0])
    if not images:
        return Case(name, tuple(assemble.from_copies(copies, options)), None)
    source = images[0].source if len(images) == 1 else CombinedSource([m.source for m in images])
    source.page_size_hint = next(
        (m.page_size for m in images if m.page_size), source.page_size_hint
    )
    handed = [m.handed for m in images if m.handed]
    handovers = assemble.from_memory(source, copies, options, handed, noted(images))
    return Case(name, tuple(handovers), None, source)


def noted(images: Sequence[Memory]) -> assemble.Noted:
    """Return what the captures among the images of one machine say of what they were made of."""
    notes = [m.noted for m in images if m.noted]
    return assemble.Noted(
        tuple(b for note in notes for b in note.boot),
        tuple(p for note in notes for p in note.passed),
    )


def pick(handovers: Sequence[Handover], role: Role | None = None) -> Handover:
    """Return the handover that counts: the outgoing one if it has a hwpoison subtree, else the
    incoming; ``role`` chooses instead, and is taken for a single one that tells none. An outgoing
    one whose root FDT is damaged counts as well. Raises InputError where there is no such.
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
    if len(handovers) > 1 and any(h.role is None for h in handovers):
        raise InputError(
            "several handovers, and nothing tells which counts; choose with --root-fdt"
        )
    # One that cannot be read may have the subtree: the incoming one is not what counts then.
    outgoing = [h for h in handovers if h.role == "out" and (h.hwpoison or h.unread)]
    incoming = [h for h in handovers if h.role == "in"]
    return (outgoing or incoming or handovers)[-1]


def of_role(handovers: Sequence[Handover], role: Role | None) -> tuple[Handover, ...]:
    """Return the handovers to show: all, or the one that ``role`` chooses.

    Raises InputError as :func:`pick` does.
    """
    return tuple(handovers) if role is None else (pick(handovers, role),)


def doubts(handovers: Sequence[Handover]) -> tuple[Problem, ...]:
    """Return what says that another root FDT may count, or that the one that counts is damaged."""
    return tuple(p for h in handovers for p in h.doubts)


def why_unread(handover: Handover) -> str:
    """Return what keeps a handover's list from being read, as the end of a line."""
    cause = handover.hwpoison.problem if handover.hwpoison else handover.root_problem
    why = f": {cause.code} {cause.message}" if cause else ""
    if handover.role == "out" and handover.unread:
        why += "; --role in takes the incoming one"
    return why
