"""Reports what is odd about a root FDT that can be read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes.root import DUPLICATE_NODE, NO_MAP, ODD_PROPERTY, POSTED_FORM, VERSION

if TYPE_CHECKING:
    from hwpkho.abi.kho import RootFdt
    from hwpkho.codes import Problem
    from hwpkho.handover.problems import Report

#: The most characters of a name that are shown (the specification allows 31), and the most names.
_MAX_NAME = 200
_MAX_STRINGS = 8


def node_name(text: str) -> str:
    """Return a name from the input, printable and cut off after 200 characters."""
    return printable(text if len(text) <= _MAX_NAME else text[:_MAX_NAME] + "…")


def report(root: RootFdt, at: int | None, problems: Report) -> Problem | None:
    """Add problems about ``root``; ``at`` is its physical address (bytes), None where unknown.

    Returns the problem of the tracker's address, None where the kernel takes it.
    """
    refused = None
    if root.version is None:
        shown = ", ".join(f'"{node_name(c)}"' for c in root.compatible[:_MAX_STRINGS])
        problems.add(VERSION, f"compatible is {shown or 'missing'}", at)
    elif root.version.parts:
        parts = ", ".join(root.version.parts)
        problems.add(POSTED_FORM, f"kho-v{root.version.number} with {parts}", at)
    if root.memory_map_defect:
        refused = problems.add(NO_MAP, root.memory_map_defect, at)
    if root.tree.reserve:
        problems.add(
            ODD_PROPERTY,
            f"{counted(len(root.tree.reserve), 'memory reservation')} in the root FDT",
            at,
        )
    names = Counter(s.name.split("@", 1)[0] for s in root.subtrees)
    for name in sorted(n for n in names if names[n] > 1):
        problems.add(DUPLICATE_NODE, f"two subtrees {node_name(name)}", at)
    return refused
