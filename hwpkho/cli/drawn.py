"""``--format`` of commands other than validate: pages and pictures, instead of text or beside."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hwpkho.base import output
from hwpkho.base.escape import printable
from hwpkho.cli import common, screen, values
from hwpkho.errors import UsageError
from hwpkho.report.registry import REPORTS, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.report.parts.screen import Screen
    from hwpkho.report.registry import Report


class _File(NamedTuple):
    report: Report
    path: str


class Drawn(NamedTuple):
    """What is drawn in one call.

    Attributes:
        own: The report that takes the place of what the command would print; None for none.
        beside: Those with a file of their own.
        path: Where the command's own output goes, ``-`` for standard output.
        force: Whether to overwrite files.
    """

    own: Report | None
    beside: tuple[_File, ...]
    path: str
    force: bool

    def check(self, *inputs: str, writes: bool = True) -> None:
        """Raise UsageError where a file cannot be written, before any work is done.

        ``writes`` tells whether the command's own output is written here, not elsewhere.
        """
        places = [self.path, *(file.path for file in self.beside)]
        for i, place in enumerate(places):
            if place == output.STDOUT and place in places[:i]:
                raise UsageError("--format: only one report can go to standard output")
            output.check_apart(place, *places[:i])
            if i or writes:
                output.check_input(place, *inputs)
                output.check_file(place, force=self.force)

    @contextmanager
    def writing(self, result: Any, inputs: Sequence[str]) -> Iterator[output.Together]:
        """Write what is drawn of ``result``; in the block the command may write its own.

        All files take their places together, when the block ends well.
        """
        with output.together() as together:
            yield together
            if self.own is None and not self.beside:
                return
            call = call_of(inputs)
            files = [_File(self.own, self.path)] if self.own else []
            for report, path in (*files, *self.beside):
                with together.file(path, force=self.force) as out:
                    for piece in report.pieces(result, call):
                        out.write(piece.encode("utf-8", "backslashreplace"))

    def print(self, together: output.Together, pieces: Iterable[str]) -> None:
        """Write the text that the command prints: to standard output, or to the file of ``-o``."""
        if self.path == output.STDOUT:
            for piece in pieces:
                sys.stdout.write(piece)
            return
        with together.file(self.path, force=self.force) as out:
            for piece in pieces:
                out.write(piece.encode("utf-8", "backslashreplace"))

    def put(self, together: output.Together, data: bytes) -> None:
        """Write what the command makes, which need not be text, to the same place."""
        with together.file(self.path, force=self.force) as out:
            out.write(data)

    def shown(self) -> Screen:
        """Return what the place of the command's own output can show."""
        return screen.of(sys.stdout) if self.path == output.STDOUT else screen.of_file()


def call_of(inputs: Sequence[str]) -> Call:
    """Return how this call's result comes about; its inputs are read once more."""
    from hwpkho.inputs import hashes

    return Call(command_line(), hashes.of(inputs), screen.settings().detail > 0)


def command_line() -> str:
    """Return what was typed, as a shell takes it."""
    return printable(shlex.join(["hwpkho", *sys.argv[1:]]))


def format_option(command: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds ``--format`` with the reports of a command."""
    return click.option(
        "--format",
        "formats",
        type=values.OneOfPlaced(REPORTS[command]),
        multiple=True,
        help="Draw the result instead of printing text; with =FILE, also draw it to FILE "
        "(repeatable).",
    )


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -o and -f, for a command that has no other use of them."""
    return common.add(
        command,
        click.option(
            "-o", "--output", metavar="FILE", help="Write to FILE instead of standard output."
        ),
        click.option("-f", "--force", is_flag=True, help="Overwrite FILE."),
    )


def instead(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the parameter of ``--format`` where it takes the place of the command's own output."""
    return ("formats",) if any("=" not in name for name in formats) else ()


def read(
    command: str, formats: Sequence[str], path: str | None, *, force: bool, others: bool = False
) -> Drawn:
    """Return what ``--format`` and ``-o`` ask for.

    ``others`` tells whether an option asks for another form of the command's own output: --json.
    Raises UsageError where both do.
    """
    registry = REPORTS[command]
    plain = [name for name in formats if "=" not in name]
    if others and "formats" not in common.given():  # what is typed counts before a configuration
        plain = []
    if len({*plain}) + others > 1:
        raise UsageError(
            "standard output takes one form of the result: give --format a file (--format "
            f"{plain[0]}=FILE)"
        )
    own = registry[plain[0]] if plain else None
    beside = [
        _File(registry[name], to) for name, eq, to in (f.partition("=") for f in formats) if eq
    ]
    return Drawn(own, tuple(beside), output.STDOUT if path is None else path, force)
