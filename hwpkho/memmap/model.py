"""A machine's memory map: what stood in the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.codes import Problem


_NOTHING: Mapping[str, object] = {}


class Entry(NamedTuple):
    """One line, descriptor or node of a map, in file order.

    What it is to the next kernel :mod:`hwpkho.memmap.view.ownership` tells. A named tuple because a
    log has hundreds: one is made and compared in a third of a frozen dataclass's time.

    Attributes:
        start: First byte (physical address).
        end: Last byte, inclusive.
        type: The type as ``spec/cli.md`` of hwpkho.memmap/1 names it.
        attributes: What else the form tells: ``attr`` (EFI attribute word), ``depth`` (iomem), …
    """

    start: int
    end: int
    type: str
    attributes: Mapping[str, object] = _NOTHING


class Gap(NamedTuple):
    """Memory of which the map's lines are lost or damaged: nobody knows what is there.

    Attributes:
        start: First byte; None where the place is not known either.
        end: Last byte, inclusive; None with ``start``.
        problem: What happened to which line, with the place in its message.
    """

    start: int | None
    end: int | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class Map:
    """One table of an input; ``name`` is one of the map names of hwpkho.memmap/1.

    Attributes:
        name: ``e820_firmware``, ``efi``, ``iomem``, …; one map per name and boot.
        boot: Number of the boot in a log of several, from 0.
        entries: In file order.
        primary: Whether it describes the machine best among the maps of its boot.
        gaps: What lost or damaged lines described, in the order of the lines.
    """

    name: str
    boot: int
    entries: tuple[Entry, ...]
    primary: bool = False
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Everything that one input (or several files of one machine) says about memory.

    Attributes:
        source: The input as the user named it.
        form: The form that was recognised, ``dmesg``, ``iomem``, ``devicetree``, …
        arch: A name of ``ARCHES``, or that of another architecture.
        arch_from: ``input``, ``option`` or ``default``: what told the architecture.
        maps: One per name and boot.
        problems: What is odd about the input; all 5xx codes.
    """

    source: str
    form: str
    arch: str
    arch_from: str
    maps: tuple[Map, ...]
    problems: tuple[Problem, ...] = ()
