"""What to look at rather than read, by command: pages and pictures. A module each, and a line here.

Those of validate, which are of any number of cases, are in validate/registry.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.inputs.hashes import InputFile


class Call(NamedTuple):
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

    def pieces(self, result: Any, call: Call, /) -> Iterable[str]:
        """Return the report on what the command found, piece by piece."""


def _of(command: str, *names: str) -> Registry[Report]:
    """Return the registry of a command; each report is a module of that name in its package."""
    return Registry("report", {name: f"hwpkho.report.{command}.{name}:REPORT" for name in names})


#: Command → its reports, in the order of the help text.
REPORTS: dict[str, Registry[Report]] = {
    "decode": _of("decode", "html", "svg"),
    "memmap": _of("memmap", "html", "svg"),
    "list": _of("list", "html"),
    "merge": _of("merge", "html"),
    "diff": _of("diff", "html", "svg"),
    "fleet ask": _of("fleet_answer", "html", "svg"),
}
