"""fleet ask as SVG: the plots of an answer, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError
from hwpkho.report.fleet_answer import plots
from hwpkho.report.svg import plot as drawing
from hwpkho.report.svg.markup import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.fleet.ask import Answer
    from hwpkho.report.registry import Call


class Report:
    """``--format svg`` of fleet ask."""

    name = "svg"
    about = "the plots of the page, one below the other"

    def pieces(self, result: Answer, _call: Call) -> Iterator[str]:
        """Yield the file; raises UsageError if the answer has no plot."""
        found = []
        for name in plots.asked(result.wanted.question):
            answer = result.also(name)
            rows = (dict(zip(answer.columns, row, strict=True)) for row in answer.rows())
            found += plots.of(answer.wanted.question, rows)
        if not found:
            raise UsageError("--format svg: this answer has no plot; --format html has a table")
        yield document(
            list(map(drawing.draw, found)), f"{printable(result.name)}: {result.question}"
        )


REPORT = Report()
