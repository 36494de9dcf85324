"""memmap as a picture: the address space to scale, as the next kernel sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.report.memmap import text
from hwpkho.report.parts.memory import Memory
from hwpkho.report.svg import markup
from hwpkho.report.svg import memory as drawing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.memmap import MemmapReport
    from hwpkho.report.registry import Call


class Report:
    """``--format svg`` of memmap."""

    name = "svg"
    about = "a picture of the address space"

    def pieces(self, result: MemmapReport, _call: Call) -> Iterator[str]:
        """Return the picture."""
        found = drawing.draw(Memory(text.runs_of(result)), "memory")
        title = printable(result.memmap.source)
        yield markup.document([found] if found else [], title)


REPORT = Report()
