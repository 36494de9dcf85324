"""Where the reports of validate go: to standard output, to files, to a CI service's summary."""

from __future__ import annotations

import io
import os
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from hwpkho.base import output
from hwpkho.cli import drawn, screen
from hwpkho.errors import UsageError
from hwpkho.report.validate.base import Folder
from hwpkho.report.validate.registry import REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen
    from hwpkho.report.validate.base import Report, Writer


class ReportFile(NamedTuple):
    """A report and the file it goes to.

    Attributes:
        report: The report.
        path: The file; ``-`` is standard output.
        append: Whether to append to the file, rather than replace it.
    """

    report: Report
    path: str = output.STDOUT
    append: bool = False

    @property
    def folder(self) -> str | None:
        """The folder for pages on the cases of a batch; None for standard output or a pipe."""
        return None if output.is_stream(self.path) else f"{self.path}.d"

    @property
    def on_terminal(self) -> bool:
        """Whether the report goes to a terminal."""
        return self.path == output.STDOUT and sys.stdout.isatty()


class Reports(NamedTuple):
    """The reports of one run.

    Attributes:
        files: The reports with their files; the first is that of ``-o``.
        force: Whether to overwrite files.
        everything: Whether to show long lists whole, and cases that are fine (--all).
        beside: Files that are read for all cases: --against, --baseline.
    """

    files: tuple[ReportFile, ...]
    force: bool = False
    everything: bool = False
    beside: tuple[str, ...] = ()

    @property
    def on_terminal(self) -> bool:
        """Whether one of the reports goes to a terminal."""
        return any(to.on_terminal for to in self.files)

    def check(
        self, inputs: Sequence[str], write_baseline: str | None, *, batch: bool = False
    ) -> None:
        """Raise UsageError, before any work is done, if a report may not be written to its file.

        ``inputs`` are the files that are read; none may be overwritten. Nor may two reports, or a
        report and ``write_baseline``, have the same file.
        """
        for i, to in enumerate(self.files):
            if to.report.binary:
                output.check_terminal(f"the report {to.report.name}", to.path)
            beside = [other.path for other in self.files[:i]]
            if to.path == output.STDOUT in beside:
                raise UsageError("--format: only one report can go to standard output")
            output.check_apart(to.path, *beside, *filter(None, [write_baseline]))
            output.check_input(to.path, *inputs)
            if not to.append:
                output.check_file(to.path, force=self.force)
            if to.folder and to.report.pages and batch:
                output.check_folder(to.folder, to.report.pages.ours, force=self.force)
        if self.force and all(to.path == output.STDOUT for to in self.files):
            raise UsageError("--force is for -o FILE")

    def draw(self) -> Callable[[CaseResult], bytes | None] | None:
        """Return a picklable function that makes the page on a case of a batch; None: no pages."""
        for to in self.files:
            if to.folder and to.report.pages:
                return partial(
                    to.report.pages.draw,
                    command=drawn.command_line(),
                    everything=self.everything,
                    index=_link(to.path),
                    beside=self.beside,
                )
        return None

    def check_input(self, *inputs: str) -> None:
        """Raise UsageError if a report would overwrite one of ``inputs``."""
        for to in self.files:
            output.check_input(to.path, *inputs)

    @contextmanager
    def open(
        self, writing: output.Together, *, batch: bool, held: bool = False
    ) -> Iterator[Writers]:
        """Open all reports and yield their writers.

        With ``held``, a report for the terminal is held back and printed after the block.
        """
        with ExitStack() as stack:
            streams: list[tuple[BinaryIO, BinaryIO | None]] = []
            writers = Writers([], [])
            for to in self.files:
                at_end: BinaryIO | None = None
                if to.append:
                    out: BinaryIO = io.BytesIO()
                else:
                    out = stack.enter_context(writing.file(to.path, force=self.force))
                    if held and to.on_terminal:
                        out, at_end = io.BytesIO(), out
                streams.append((out, at_end))
                writers.outs.append(out)
                folder = None
                if to.folder and to.report.pages and batch:
                    ours = to.report.pages.ours
                    at = stack.enter_context(writing.folder(to.folder, ours, force=self.force))
                    folder = Folder(at, _link(to.folder))
                writer = to.report.open(out, self._screen(to), batch=batch, folder=folder)
                writers.all.append(writer)
            yield writers
            for to, (out, at_end) in zip(self.files, streams, strict=True):
                if isinstance(out, io.BytesIO):
                    if at_end is not None:
                        at_end.write(out.getvalue())
                    else:
                        writing.add(to.path, out.getvalue())

    def _screen(self, to: ReportFile) -> Screen:
        """Return the screen of a report's file, with the command line and ``beside``."""
        if to.path == output.STDOUT:
            place = screen.of(sys.stdout, everything=self.everything)
        else:
            place = screen.of_file(everything=self.everything)
        return place._replace(command=drawn.command_line(), beside=self.beside)


class Writers(NamedTuple):
    """The writers of all reports, and the streams that they write to, in the same order."""

    all: list[Writer]
    outs: list[BinaryIO]

    def add(self, result: CaseResult) -> None:
        """Give the result of the next case to each writer."""
        for writer, out in zip(self.all, self.outs, strict=True):
            writer.add(result)
            out.flush()

    def finish(self, notes: Sequence[Finding]) -> None:
        """Give the notes on all cases together to each writer, which ends its report."""
        for writer in self.all:
            writer.finish(notes)


def _link(path: str) -> str:
    """Return the URL of a file relative to its folder; its name need not be UTF-8."""
    return quote(os.fsencode(Path(path).name))


def reports(
    formats: Sequence[str],
    path: str | None,
    *,
    as_json: bool,
    force: bool,
    everything: bool,
    beside: tuple[str, ...] = (),
) -> Reports:
    """Return the reports that ``--format``, ``--json`` and ``-o`` ask for.

    ``formats`` are names, or names with a file: ``junit=junit.xml``. The one without a file goes to
    ``path``, None for standard output; without any, text does. A report with a summary adds that
    if its environment variable is set. For ``everything`` and ``beside`` see :class:`Reports`.
    Raises UsageError for two reports without a file.
    """
    plain = {name for name in formats if "=" not in name} | ({"json"} if as_json else set())
    if len(plain) > 1:
        first = "--json" if as_json else "one --format"
        raise UsageError(
            f"{first} and another --format exclude each other: give a file for all but one "
            "(--format junit=FILE)"
        )
    own = REPORTS[next(iter(plain), "text")]
    files = [ReportFile(own, output.STDOUT if path is None else path)]
    for given in formats:
        name, equals, place = given.partition("=")
        if equals:
            files.append(ReportFile(REPORTS[name], place))
    for summary in dict.fromkeys(to.report.summary for to in files if to.report.summary):
        file = os.environ.get(summary.variable)
        if file:
            files.append(ReportFile(REPORTS[summary.report], file, append=True))
    return Reports(tuple(files), force, everything, beside)
