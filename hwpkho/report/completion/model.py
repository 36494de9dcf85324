"""A command line as a shell's completion needs it, without a word about click.

The scripts hold all words, so that a TAB starts no program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What a value is: one of ``words``; several of them joined by commas; a file; a folder; any text.
Kind = Literal["words", "listed", "file", "folder", "text"]

#: Words that no shell changes or splits even without quotes.
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./;+-]*")


class Value(NamedTuple):
    """What an option or argument takes; only the kinds ``words`` and ``listed`` have ``words``."""

    kind: Kind
    name: str = ""
    words: tuple[str, ...] = ()


class Option(NamedTuple):
    """An option.

    Attributes:
        names: ``-o`` and ``--output``.
        help: One line.
        value: What it takes; None for a flag.
        repeatable: Whether it may be given several times.
    """

    names: tuple[str, ...]
    help: str
    value: Value | None
    repeatable: bool


class Command(NamedTuple):
    """A command with its options and arguments, or a group with its commands.

    Attributes:
        path: The words that name it on the command line, () for the program itself.
        help: One line.
        options: In the order of ``--help``.
        arguments: In order.
        rest: Whether the last argument takes all words that are left.
        commands: The commands of a group, else empty.
    """

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...] = ()
    rest: bool = False
    commands: tuple[Command, ...] = ()

    def walk(self) -> Iterator[Command]:
        """Yield it and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


class Shell(NamedTuple):
    """A shell, and the function that makes its script.

    Attributes:
        name: As ``hwpkho completion`` takes it.
        place: Path of the script below a package's prefix, with ``{}`` for the program's name.
        script: Returns the script; takes the root command and the program's name.
    """

    name: str
    place: str
    script: Callable[[Command, str], str]


def safe(word: str) -> bool:
    """Return whether ``word`` needs no quotes in a script of any shell."""
    return _SAFE.fullmatch(word) is not None


def of(value: Value) -> tuple[str, ...]:
    """Return the words of a value, without those that would need quotes."""
    return tuple(word for word in value.words if safe(word))
