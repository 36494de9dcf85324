"""One table of a memory map as a form read it, with its lost lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Entry, Gap


class LostLine(NamedTuple):
    """A line of a table that is lost or cannot be read; :mod:`hwpkho.memmap.gaps` finds its place.

    Attributes:
        at: How many entries of the table are before it.
        problem: What happened, and to which line.
        span: First and last byte concerned, if known; None: between the entries before and after.
        named: First and last byte that the damaged line still names; added to the place.
        replaced: How many entries from ``at`` on are themselves doubtful.
        depth: Of a tree of resources: the level of the line.
    """

    at: int
    problem: Problem
    span: tuple[int, int] | None = None
    replaced: int = 0
    depth: int = 0
    named: tuple[int, int] | None = None


class Table:
    """One table as a form read it: entries in file order.

    Attributes:
        name: The map's name as in hwpkho.memmap/1.
        entries: In file order.
        boot: The boot the table belongs to, None where the form knows no boots.
        arch: The architecture that the table shows, None where it shows none.
        problems: What is wrong with it; messages name lines or offsets.
        lost_lines: Lines that are lost or damaged, as the form noticed them; see
            :func:`hwpkho.memmap.gaps.lose`.
        gaps: The memory that they described; filled in by :func:`hwpkho.memmap.gaps.settle`.
        line: Number of the log line where the table starts (from 1), None in a file of its own.
        form: The ``name`` of the form that read it; the reader fills it in.
        printed_by: That form's :attr:`hwpkho.memmap.formats.base.LineForm.printed_by`.
        zeroed: The problem where all addresses are 0, as the kernel prints them for unprivileged
            readers; there are no entries then. Else None.
        unusable: The lost lines of a table that has nothing else; filled in by
            :func:`hwpkho.memmap.gaps.settle`.
    """

    def __init__(
        self,
        name: str,
        entries: list[Entry],
        *,
        boot: int | None = None,
        arch: str | None = None,
        problems: list[Problem] | None = None,
        line: int | None = None,
    ) -> None:
        self.name, self.entries = name, entries
        self.boot, self.arch, self.line = boot, arch, line
        self.problems = [] if problems is None else problems
        self.lost_lines: list[LostLine] = []
        self.gaps: list[Gap] = []
        self.form = ""
        self.printed_by: Literal["Linux", "Xen"] | None = None
        self.zeroed: Problem | None = None
        self.unusable: list[Problem] = []
