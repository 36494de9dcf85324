"""What the place can show that a report for people is written to."""

from __future__ import annotations

from typing import NamedTuple

from hwpkho.report.parts.paint import Paint

#: Columns where nothing says how many there are: a pipe, a file.
WIDTH = 80
#: Prose in longer lines is hard to read; tables and pictures take the whole width.
PROSE = 100


class Screen(NamedTuple):
    """What the place can show, and how much of a report is wanted there.

    Attributes:
        paint: Colours; off unless it is a terminal, or they are asked for.
        width: Columns. Lines are broken there between words; a longer word or number stays whole.
        blocks: Whether it has block characters.
        encoding: How text is written; what it lacks is escaped as ``\\uNNNN``.
        detail: 0; 1 with --verbose: notes that stand in nearly every report, too; -1 with --quiet:
            the one line that counts.
        everything: Whether long lists are shown whole, and cases that are fine.
        command: The command line, printable, for reports that quote it.
        beside: Files that were read beside the cases and their maps, for reports that name them.
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
        """Return how many rows of a list to show that is cut after ``rows``."""
        return 1 << 62 if self.everything else rows
