"""The protocol of validate's reports: a report opens a writer, which takes results as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen


class Writer(Protocol):
    """A report that is being written."""

    def add(self, result: CaseResult, /) -> None:
        """Take the result of the next case. Keep only what is needed of it: a batch may be long."""

    def finish(self, notes: Sequence[Finding], /) -> None:
        """Write the rest, and ``notes``, which concern all cases together. Called once, last."""


class Folder(NamedTuple):
    """Where a batch report writes a page for each case.

    Attributes:
        path: The folder.
        href: Its URL, relative to the report.
    """

    path: Path
    href: str


class Pages(NamedTuple):
    """How a report makes a page for each case of a batch, in a folder beside it.

    Attributes:
        draw: Returns the page on a case as bytes, or None for no page. It is pickled and runs in
            the process that judges the case, while that still has the bulk facts. Takes the result,
            ``command`` (the command line), ``everything``, ``index`` (the report's file name) and
            ``beside`` (files read for all cases).
        ours: Tells whether a name is one that this report gives to pages in the folder.
    """

    draw: Callable[..., bytes | None]
    ours: Callable[[str], bool]


class Summary(NamedTuple):
    """A second report that a CI service shows beside the first.

    Attributes:
        report: Its name.
        variable: The environment variable with the path of the file to append it to.
    """

    report: str
    variable: str


class Report(Protocol):
    """A report of validate."""

    @property
    def name(self) -> str:
        """Its name for ``--format``."""

    @property
    def about(self) -> str:
        """A few words on it, for ``--help`` and the manual page."""

    @property
    def binary(self) -> bool:
        """Whether it is binary, and must not go to a terminal."""

    @property
    def pages(self) -> Pages | None:
        """How it makes a page for each case of a batch; None for a report in one file."""

    @property
    def summary(self) -> Summary | None:
        """The report to append to a CI service's summary, if its variable is set; None: none."""

    def open(
        self, out: BinaryIO, screen: Screen, *, batch: bool, folder: Folder | None = None
    ) -> Writer:
        """Begin a report in ``out`` and return its writer.

        Without ``batch``, the writer gets exactly one result, else any number of them. ``out`` need
        not be seekable. Only a report with ``pages`` gets a ``folder``. Raises UsageError if the
        report cannot show a batch.
        """


class TextWriter:
    """Encodes a report's text and writes it."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        self._out = out
        self._screen = screen

    def write(self, *pieces: str) -> None:
        """Write text in the encoding of the output; what that lacks is escaped."""
        self.write_all(pieces)

    def write_all(self, pieces: Iterable[str]) -> None:
        """Write text piece by piece."""
        for piece in pieces:
            self._out.write(piece.encode(self._screen.encoding, "backslashreplace"))


class TextReport(NamedTuple):
    """A report that is text; ``one`` makes the writer for a single case, ``many`` for a batch."""

    name: str
    about: str
    one: Callable[[BinaryIO, Screen], Writer]
    many: Callable[[BinaryIO, Screen], Writer]
    binary: bool = False
    pages: Pages | None = None
    summary: Summary | None = None

    def open(
        self, out: BinaryIO, screen: Screen, *, batch: bool, folder: Folder | None = None
    ) -> Writer:
        """Begin a report in ``out``."""
        del folder
        return (self.many if batch else self.one)(out, screen)
