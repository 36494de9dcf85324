"""The targets of encode and merge.

A form of handover is a module and a line here; a form of list that is written is a target as well,
see :mod:`hwpkho.badpages.registry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages import registry as lists
from hwpkho.base.registry import Registry
from hwpkho.encode.targets.list import ListTarget

if TYPE_CHECKING:
    from hwpkho.encode.targets.base import Target

#: Forms of handovers, in the order of the help text.
TARGETS: Registry[Target] = Registry(
    "target",
    {
        "elf": "hwpkho.encode.targets.elf:TARGET",
        "segments": "hwpkho.encode.targets.segments:TARGET",
        "blob": "hwpkho.encode.targets.blob:TARGET",
    },
)


def names() -> list[str]:
    """Return every choice of ``--to``."""
    return [*TARGETS.names(), *lists.written_names()]


def target(name: str) -> Target:
    """Return what the choice ``name`` stands for; KeyError where there is none."""
    if name in TARGETS:
        return TARGETS[name]
    return ListTarget(lists.writer(name))


def list_form(name: str) -> lists.ListWriter | None:
    """Return the form of list that the choice ``name`` stands for, None for a handover."""
    return None if name in TARGETS else lists.writer(name)
