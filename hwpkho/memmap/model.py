"""A machine's memory map, as the input gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.codes import Problem


_NOTHING: Mapping[str, object] = {}


class Entry(NamedTuple):
    """One line, descriptor or node of a map, in file order.

    :mod:`hwpkho.memmap.view.ownership` says what it is to the next kernel. It is a named tuple,
    which is made and compared three times as fast as a frozen dataclass: a log has hundreds.

    Attributes:
        start: First byte (physical address).
        end: Last byte, inclusive.
        type: A type of hwpkho.memmap/1: ``usable``, ``conventional``, ``System RAM``, …
        attributes: What else the form records: ``attr`` (EFI attribute word), ``depth`` (iomem), …
    """

    start: int
    end: int
    type: str
    attributes: Mapping[str, object] = _NOTHING


class Gap(NamedTuple):
    """Memory whose lines in the map are lost or damaged: what is there is unknown.

    Attributes:
        start: First byte; None where the addresses are unknown, too.
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


class MemoryMap(NamedTuple):
    """Everything that one input (or several files of one machine) says about memory.

    Attributes:
        source: The input as the user named it.
        form: The form of the primary map, ``dmesg-e820``, ``iomem``, ``devicetree``, …
        arch: A name of ``ARCHES``, or that of another architecture.
        arch_from: ``input``, ``option`` or ``default``: where the architecture comes from.
        maps: One per name and boot.
        problems: What is odd about the input; their codes are HP5xx.
    """

    source: str
    form: str
    arch: str
    arch_from: str
    maps: tuple[Map, ...]
    problems: tuple[Problem, ...] = ()
