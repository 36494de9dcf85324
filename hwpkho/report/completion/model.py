"""A command line as a shell's completion needs it, without a word about click.

The scripts hold all words, so that a TAB starts no program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What a value is: one of ``words``; several of them, joined by commas; a file; a folder; free
#: text.
Kind = Literal["words", "listed", "file", "folder", "text"]

#: Words and names of programs that mean nothing else to any of the shells.
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./;+-]*")


class Value(NamedTuple):
    """What an option or argument takes; ``words`` is empty unless ``kind`` says otherwise."""

    kind: Kind
    name: str = ""
    words: tuple[str, ...] = ()


class Option(NamedTuple):
    """An option: its names, ``-o`` and ``--output``, its line of help, None for a flag's value."""

    names: tuple[str, ...]
    help: str
    value: Value | None
    repeatable: bool


@dataclass(frozen=True)
class Command:
    """A command, its options and arguments; of a group its commands.

    Attributes:
        path: The words that lead to it, () for the program itself.
        help: One line.
        options: In the order of ``--help``.
        arguments: In order; the last one may be ``rest``.
        rest: Whether the last argument takes all words that are left.
        commands: Of a group.
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
    """A shell, and what makes its script.

    Attributes:
        name: As ``hwpkho completion`` takes it.
        place: Where a package puts the file, below its prefix, with ``{}`` for the program's name.
        script: Makes the script from the tree, for a program of this name.
    """

    name: str
    place: str
    script: Callable[[Command, str], str]


def safe(word: str) -> bool:
    """Return whether ``word`` can stand in a script without quotes of any kind."""
    return _SAFE.fullmatch(word) is not None


def of(value: Value) -> tuple[str, ...]:
    """Return the words of a value; one that a shell would take apart is left out."""
    return tuple(word for word in value.words if safe(word))
