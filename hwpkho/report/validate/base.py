"""What a report of validate is: it opens a writer, which takes results as they come."""

from __future__ import annotations

from dataclasses import dataclass
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
        """Take the result of the next case; no result should be kept as a whole."""

    def finish(self, notes: Sequence[Finding], /) -> None:
        """Write what is left, and ``notes`` on all cases together. Called once."""


class Folder(NamedTuple):
    """Where pages beside a report are written: the folder, and what leads to it from the report."""

    path: Path
    href: str


class Pages(NamedTuple):
    """What a report needs that has a page for each case of a batch, in a folder beside it.

    Attributes:
        draw: Makes the page on a case where it is judged, before bulk facts are let go: takes the
            result, ``command`` (the command line), ``everything``, ``index`` (what leads from the
            folder to the report) and ``beside`` (files read for all cases), and is pickled. Bytes,
            None for no page.
        ours: Tells whether a file in the folder has such a name as this report gives them.
    """

    draw: Callable[..., bytes | None]
    ours: Callable[[str], bool]


class Summary(NamedTuple):
    """What the service that reads a report shows beside it: a second report.

    Attributes:
        report: The name of that one.
        variable: The environment variable that names the file to which it is added.
    """

    report: str
    variable: str


class Report(Protocol):
    """A report of validate."""

    @property
    def name(self) -> str:
        """What ``--format`` calls it."""

    @property
    def about(self) -> str:
        """What it is, in a few words, for ``--help`` and the manual page."""

    @property
    def binary(self) -> bool:
        """Whether it is no text, and must not go to a terminal."""

    @property
    def pages(self) -> Pages | None:
        """What it needs for pages beside it where there are many cases; None: it is one file."""

    @property
    def summary(self) -> Summary | None:
        """What goes with it where the environment names a place for that; None: nothing."""

    def open(
        self, out: BinaryIO, screen: Screen, *, batch: bool, folder: Folder | None = None
    ) -> Writer:
        """Begin a report in ``out``: on one case, or with ``batch`` on any number of them.

        ``out`` need not be seekable. A report on a single case gets exactly one result. Only a
        report with ``pages`` gets a ``folder``.
        """


class TextWriter:
    """Encodes what a report says in text."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        self._out = out
        self._screen = screen

    def write(self, *pieces: str) -> None:
        """Write text as the place has it."""
        self.write_all(pieces)

    def write_all(self, pieces: Iterable[str]) -> None:
        """Write text piece by piece."""
        for piece in pieces:
            self._out.write(piece.encode(self._screen.encoding, "backslashreplace"))


@dataclass(frozen=True, slots=True)
class TextReport:
    """A report that is text; ``one`` and ``many`` make the writers for a case and for a batch."""

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
