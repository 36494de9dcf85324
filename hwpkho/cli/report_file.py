"""Where the reports of validate go: to standard output, to files, to a service's summary."""

from __future__ import annotations

import io
import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
    """A report and its place.

    Attributes:
        report: Which report.
        path: The file; ``-`` is standard output.
        append: Whether it is added to what stands in the file.
    """

    report: Report
    path: str = output.STDOUT
    append: bool = False

    @property
    def folder(self) -> str | None:
        """Where its pages on the cases of a batch lie; None: nothing lies beside a pipe."""
        return None if output.is_stream(self.path) else f"{self.path}.d"

    @property
    def on_terminal(self) -> bool:
        """Whether somebody watches the report being written."""
        return self.path == output.STDOUT and sys.stdout.isatty()


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of one run.

    Attributes:
        files: Each with a place of its own; the first is the one of ``-o``.
        force: Whether to overwrite files.
        everything: Whether people want to see them uncut.
        beside: Files that are read beside the cases and their maps.
    """

    files: tuple[ReportFile, ...]
    force: bool = False
    everything: bool = False
    beside: tuple[str, ...] = ()

    @property
    def on_terminal(self) -> bool:
        """Whether somebody watches one of them being written."""
        return any(to.on_terminal for to in self.files)

    def check(
        self, inputs: Sequence[str], write_baseline: str | None, *, batch: bool = False
    ) -> None:
        """Raise UsageError where one cannot go to its place, before any work is done.

        ``inputs`` is what is read: none of it is overwritten.
        """
        for i, to in enumerate(self.files):
            if to.report.binary and to.on_terminal:
                raise UsageError(
                    f"the report {to.report.name} is binary and standard output is a terminal: "
                    "give -o FILE"
                )
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
        """Return what makes the pages on the cases of a batch, None where no report has any."""
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
        """Raise UsageError where a report would overwrite one of ``inputs``."""
        for to in self.files:
            output.check_input(to.path, *inputs)

    @contextmanager
    def open(
        self, writing: output.Together, *, batch: bool, held: bool = False
    ) -> Iterator[Writers]:
        """Open all of them; with ``held`` standard output gets its own at the end."""
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
        """Return what the place can show: colours only on a terminal; a file is UTF-8."""
        if to.path == output.STDOUT:
            place = screen.of(sys.stdout, everything=self.everything)
        else:
            place = screen.of_file(everything=self.everything)
        return place._replace(command=drawn.command_line(), beside=self.beside)


@dataclass(slots=True)
class Writers:
    """The reports that are being written."""

    all: list[Writer]
    outs: list[BinaryIO]

    def add(self, result: CaseResult) -> None:
        """Give the result of the next case to each."""
        for writer, out in zip(self.all, self.outs, strict=True):
            writer.add(result)
            out.flush()

    def finish(self, notes: Sequence[Finding]) -> None:
        """Finish each."""
        for writer in self.all:
            writer.finish(notes)


def _link(path: str) -> str:
    """Return the name of a file, which need not be UTF-8, as a link from beside it has it."""
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

    ``formats`` are names, and names with a file: ``junit=junit.xml``. One without a file goes to
    ``path``, or to standard output; text does where none is named. ``beside`` is what is read
    beside the cases and their maps. Raises UsageError for two.
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
