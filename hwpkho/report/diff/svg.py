"""diff of a chain as a drawing: what became of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import UsageError
from hwpkho.report.diff import drawing, histories
from hwpkho.report.svg.markup import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.diff import Comparison
    from hwpkho.report.registry import Call


class Report:
    """``--format svg`` of diff."""

    name = "svg"
    about = "a drawing of every page's life, of three lists or more"

    def pieces(self, result: Comparison, _call: Call) -> Iterator[str]:
        """Yield the file; raises UsageError for fewer than three lists."""
        if len(result.cases) < 3:
            raise UsageError("--format svg draws three lists or more")
        chain = histories.of(result)
        title = f"{len(result.cases)} lists: {chain.totals[0].words}"
        yield document([drawing.draw(chain), drawing.names(result)], title)


REPORT = Report()
