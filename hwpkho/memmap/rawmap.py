"""A table of a memory map as a form read it, and what it has lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Entry, Gap


class Loss(NamedTuple):
    """A line of a table that is lost or cannot be read; :mod:`hwpkho.memmap.gaps` finds its place.

    Attributes:
        at: How many entries of the table stand before it.
        problem: What happened, and to which line.
        span: The bytes (first, last) that are concerned, where that is sure; None: what lies
            between the entries before and after it.
        told: What the damaged line says it is about; it counts as well.
        replaced: How many entries from ``at`` on are themselves doubtful.
        depth: Of a tree of resources: the level of the line.
    """

    at: int
    problem: Problem
    span: tuple[int, int] | None = None
    replaced: int = 0
    depth: int = 0
    told: tuple[int, int] | None = None


@dataclass(slots=True)
class RawMap:
    """One table as a form read it: entries in file order.

    Attributes:
        name: The map's name as in hwpkho.memmap/1.
        entries: In file order.
        boot: The boot the table belongs to, None where the form knows no boots.
        arch: What the table tells of the architecture, None where nothing.
        problems: Odd things about it, with line numbers or offsets in their messages. One of
            severity ``error`` makes the table unreadable.
        losses: Lines that are lost or damaged, as the form noticed them; see
            :func:`hwpkho.memmap.gaps.lose`.
        gaps: The memory that they described; the reader works that out.
        line: Number of the log line where the table starts (from 1), None in a file of its own.
        form: The ``name`` of the form that read it; the reader fills it in.
        zeroed: Whether it was printed for somebody who may not see addresses: all are 0.
    """

    name: str
    entries: list[Entry]
    boot: int | None = None
    arch: str | None = None
    problems: list[Problem] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    line: int | None = None
    form: str = ""
    zeroed: bool = False
