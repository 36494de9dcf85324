"""HTML pages and SVG pictures, by command: one module for each, and a line here.

The reports of validate take any number of cases; they are in validate/registry.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.inputs.hashes import InputFile


class Call(NamedTuple):
    """How a result was made, and how much of it to show.

    Attributes:
        command: The command line, quoted for a shell; printable.
        inputs: The files that were read, with size and SHA-256.
        everything: Whether to show long lists whole.
    """

    command: str
    inputs: tuple[InputFile, ...] = ()
    everything: bool = False


class Report(Protocol):
    """A report of a command other than validate; always text in UTF-8."""

    @property
    def name(self) -> str:
        """Its name for ``--format``."""

    @property
    def about(self) -> str:
        """A few words on it, for the documentation."""

    def pieces(self, result: Any, call: Call, /) -> Iterable[str]:
        """Return the report on what the command found, piece by piece."""


def _of(command: str, *names: str) -> Registry[Report]:
    """Return the registry of ``command``; each of ``names`` is a module of its package."""
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
