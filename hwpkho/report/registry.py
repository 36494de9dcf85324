"""What to look at rather than read, by command: pages and pictures. A module each, and a line here.

Those of validate, which are of any number of cases, are in validate/registry.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.inputs.hashes import InputFile


class Made(NamedTuple):
    """How a result came about, and how much of it is wanted.

    Attributes:
        command: The command line, as a shell takes it; printable.
        inputs: The files that were read, as far as they can be read again.
        everything: Whether long lists are wanted whole.
    """

    command: str
    inputs: tuple[InputFile, ...] = ()
    everything: bool = False


class Report(Protocol):
    """A report of a command other than validate; always text in UTF-8."""

    @property
    def name(self) -> str:
        """What ``--format`` calls it."""

    @property
    def about(self) -> str:
        """What it is, in a few words, for the documentation."""

    def pieces(self, result: Any, made: Made, /) -> Iterable[str]:
        """Return the report on what the command found, piece by piece."""


#: Command → its reports, in the order of the help text.
REPORTS: dict[str, Registry[Report]] = {
    "decode": Registry("report", {"html": "hwpkho.report.decode.html:REPORT"}),
    "memmap": Registry("report", {"html": "hwpkho.report.memmap.html:REPORT"}),
    "list": Registry("report", {"html": "hwpkho.report.list.html:REPORT"}),
    "merge": Registry("report", {"html": "hwpkho.report.merge.html:REPORT"}),
    "diff": Registry("report", {"html": "hwpkho.report.diff.html:REPORT"}),
}
