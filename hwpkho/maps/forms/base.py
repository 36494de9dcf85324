"""What a form of memory map is: how it is recognised and how it is read.

Two kinds. A :class:`LineForm` finds its lines in any log, several of them may share one text; a
:class:`FileForm` is a whole file or folder of its own (binary, tree, archive). A form is one
module here and one line in :mod:`hwpkho.maps.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.codes import Problem
    from hwpkho.model.memmap import Entry


@dataclass(slots=True)
class RawMap:
    """One table as a form read it: entries in file order, ``ram`` not judged yet.

    Attributes:
        name: The map's name as in hwpkho.memmap/1.
        entries: In file order.
        boot: The boot the table belongs to, None where the form knows no boots.
        arch: What the table tells of the architecture, None where nothing.
        problems: Odd things about it, with line numbers or offsets in their messages.
    """

    name: str
    entries: list[Entry]
    boot: int | None = None
    arch: str | None = None
    problems: list[Problem] = field(default_factory=list)


class FileForm(ABC):
    """A form that is a whole input.

    Attributes:
        name: The ``form`` of hwpkho.memmap/1.
        about: One line for the README's table: what it is and where a user finds it.
    """

    name: str
    about: str

    @abstractmethod
    def sniff(self, path: Path, head: bytes) -> bool:
        """Tell whether the input is of this form by its first 64 KiB (empty for a folder)."""

    @abstractmethod
    def read(self, path: Path, data: memoryview) -> Sequence[RawMap]:
        """Read it. ``data`` is the whole file (empty for a folder).

        Raises InputError, naming offset or path, where the input is damaged or says nothing.
        """


class LineForm(ABC):
    """A form made of lines among others.

    One instance reads one log. ``triggers`` are byte strings of which at least one stands in
    every line of the form: lines without any are never shown to it, which keeps a million-line
    log cheap.

    Attributes:
        name: The ``form`` of hwpkho.memmap/1.
        about: One line for the README's table.
        triggers: Substrings that select lines.
    """

    name: str
    about: str
    triggers: tuple[bytes, ...]

    @abstractmethod
    def feed(self, number: int, line: str) -> None:
        """Take line ``number`` (from 1), prefixes included, line end stripped."""

    @abstractmethod
    def finish(self) -> Sequence[RawMap]:
        """Return the tables found, possibly none.

        Raises InputError, naming the line, where a table is there but cannot be read.
        """
