"""Where a report of validate goes: to standard output, or to a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import output
from hwpkho.cli import screen
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.report.parts.screen import Screen
    from hwpkho.report.validate.base import Report


class ReportFile(NamedTuple):
    """A report and its place.

    Attributes:
        report: Which report.
        path: The file; ``-`` is standard output.
        force: Whether to overwrite the file.
        everything: Whether people want to see it uncut.
    """

    report: Report
    path: str = output.STDOUT
    force: bool = False
    everything: bool = False

    @property
    def on_terminal(self) -> bool:
        """Whether somebody watches the report being written."""
        return self.path == output.STDOUT and sys.stdout.isatty()

    def check(self, inputs: Sequence[str], write_baseline: str | None) -> None:
        """Raise UsageError where the report cannot go there, before any work is done.

        ``inputs`` is what is read: none of it is overwritten.
        """
        if self.report.binary and self.on_terminal:
            raise UsageError(
                f"the report {self.report.name} is binary and standard output is a terminal: "
                "give -o FILE"
            )
        if self.force and self.path == output.STDOUT:
            raise UsageError("--force is for -o FILE")
        if write_baseline is not None and output.same_place(self.path, write_baseline):
            raise UsageError("-o and --write-baseline name the same file")
        output.check_input(self.path, *inputs)
        output.check_file(self.path, force=self.force)

    def screen(self) -> Screen:
        """Return what the place can show: colours only on a terminal; a file is UTF-8."""
        if self.path == output.STDOUT:
            return screen.of(sys.stdout, everything=self.everything)
        return screen.of_file(everything=self.everything)
