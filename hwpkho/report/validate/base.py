"""What a report of validate is: it opens a writer, which takes results as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
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

    def open(self, out: BinaryIO, screen: Screen, *, batch: bool) -> Writer:
        """Begin a report in ``out``: on one case, or with ``batch`` on any number of them.

        ``out`` need not be seekable. A report on a single case gets exactly one result.
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

    def open(self, out: BinaryIO, screen: Screen, *, batch: bool) -> Writer:
        """Begin a report in ``out``."""
        return (self.many if batch else self.one)(out, screen)
