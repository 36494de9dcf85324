"""``--format`` of commands other than validate: pages and pictures, instead of text or as well."""

from __future__ import annotations

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
    """The reports that a call draws, and where its output goes.

    Attributes:
        own: The report that replaces what the command would print; None: it prints that.
        beside: The reports with a file of their own (``--format NAME=FILE``).
        path: Where the command's own output, or ``own``, goes; ``-`` for standard output.
        force: Whether to overwrite files.
    """

    own: Report | None
    beside: tuple[_File, ...]
    path: str
    force: bool

    def check(self, *inputs: str, writes: bool = True) -> None:
        """Raise UsageError, before any work is done, if a file may not be written.

        None of ``inputs`` may be overwritten. ``writes`` is whether ``path`` is written by this
        object, and not by the command itself.
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
        """Draw ``result`` after the block, in which the command may write its own output.

        All files are renamed to their places together, if nothing is raised.
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
        """Write the bytes that the command makes to the same place."""
        with together.file(self.path, force=self.force) as out:
            out.write(data)

    def shown(self) -> Screen:
        """Return the screen for the command's own output: standard output's or a file's."""
        return screen.of(sys.stdout) if self.path == output.STDOUT else screen.of_file()


def call_of(inputs: Sequence[str]) -> Call:
    """Return command line and inputs of this call; hashing reads the inputs once more."""
    from hwpkho.inputs import hashes

    return Call(command_line(), hashes.of(inputs), screen.settings().detail > 0)


def command_line() -> str:
    """Return the command line as typed, quoted for a shell; printable."""
    import shlex  # few reports say it

    return printable(shlex.join(["hwpkho", *sys.argv[1:]]))


def format_option(command: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds ``--format`` with the reports of a command."""
    return click.option(
        "--format",
        "formats",
        type=values.OneOfPlaced(REPORTS[command]),
        multiple=True,
        help="Draw the result instead of printing text; with =FILE, also draw it to FILE "
        "(repeatable).",
    )


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -o and -f to a command that does not use them for anything else."""
    return common.add(
        command,
        click.option(
            "-o", "--output", metavar="FILE", help="Write to FILE instead of standard output."
        ),
        click.option("-f", "--force", is_flag=True, help="Overwrite FILE."),
    )


def instead(formats: Sequence[str]) -> tuple[str, ...]:
    """Return ``("formats",)`` if one of ``formats`` replaces the command's own output, else ()."""
    return ("formats",) if any("=" not in name for name in formats) else ()


def read(
    command: str, formats: Sequence[str], path: str | None, *, force: bool, others: bool = False
) -> Drawn:
    """Return what ``--format`` and ``-o`` ask for.

    ``others`` is whether an option such as --json asks for another form of the command's own
    output. Raises UsageError if two options ask for one.
    """
    registry = REPORTS[command]
    plain = [name for name in formats if "=" not in name]
    if others and "formats" not in common.given():  # what is typed counts before a setting
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
