"""What a report for people can use: width, colours, characters, and how much detail is wanted."""

from __future__ import annotations

from typing import NamedTuple

from hwpkho.report.parts.paint import Paint

#: Columns of a pipe or file, which have no width of their own.
WIDTH = 80
#: Columns of prose at most, as longer lines are hard to read; tables and pictures use all columns.
PROSE = 100


class Screen(NamedTuple):
    """What the output can show, and how much of a report is wanted.

    Attributes:
        paint: Colours; off unless the output is a terminal or the user asks for them.
        width: Columns. Lines are broken there between words; a longer word or number stays whole.
        blocks: Whether it can show block characters.
        encoding: Encoding of text; characters that it lacks are escaped as ``\\uNNNN``.
        detail: 0; 1 with --verbose: also notes that nearly every report has; -1 with --quiet: only
            the summary line.
        everything: Whether to show long lists whole, and cases that are fine.
        command: The command line, printable, for reports that quote it.
        beside: Files that were read for all cases, such as a baseline, for reports that name them.
    """

    paint: Paint = Paint()
    width: int = WIDTH
    blocks: bool = True
    encoding: str = "utf-8"
    detail: int = 0
    everything: bool = False
    command: str = ""
    beside: tuple[str, ...] = ()

    @property
    def prose(self) -> int:
        """Columns for text in sentences."""
        return min(self.width, PROSE)

    def most(self, rows: int) -> int:
        """Return how many rows of a list to show: ``rows``, or all with ``everything``."""
        return 1 << 62 if self.everything else rows
