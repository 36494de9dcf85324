"""The two kinds of memory map forms.

A :class:`LineForm` finds its lines in any log, and several may read one text. A :class:`FileForm`
reads a whole file or folder (binary, tree, archive). A form is one module here and one line in
:mod:`hwpkho.memmap.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from hwpkho.base.reading import MAX_WHOLE
from hwpkho.logs.scanner import LineReader

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.memmap.table import Table
    from hwpkho.memmap.tables import Tables


# Needles that several forms share.

#: ``A-B]`` with 0x and 16 digits: a whole line of e820, or EFI's without or before its size.
LONG_RANGE = rb"-0x[0-9A-Fa-f]{16}\](?! \([ 0-9])"
#: ``A - B`` of old kernels and hypervisors.
SPACED_RANGE = rb"- [0-9A-Fa-f]{16}[ \n]"
#: ``A-B`` with all 16 digits and without 0x: tables of firmware and boot loaders.
FULL_RANGE = rb"-[0-9A-Fa-f]{16}[ \t\n]"

#: Why a log in reverse order is refused.
UPSIDE_DOWN = (
    "the map is upside down, as journalctl -r prints it: give the log oldest line first, "
    "without -r or through tac"
)


class FileForm(ABC):
    """A form that is a whole input.

    Attributes:
        name: The ``form`` of hwpkho.memmap/1.
        about: One line for the table in docs/: what it is and where to find it.
        enough: How many bytes from the start :meth:`read` needs; None: all.
        most: Bytes of the largest input of this form; a longer one is not read.
    """

    name: str
    about: str
    enough: int | None = None
    most: int = MAX_WHOLE

    @abstractmethod
    def sniff(self, path: Path, head: bytes) -> bool:
        """Tell by its first 64 KiB whether an input has this form; empty for a folder."""

    @abstractmethod
    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """Return the tables of the input. ``data`` is the whole file (empty for a folder).

        Raises InputError, naming offset or path, where the input is damaged or holds no map.
        """


class LineForm(LineReader):
    """A form made of lines among others; one instance reads one log.

    Attributes:
        name: The ``form`` of hwpkho.memmap/1.
        about: One line for the table in docs/.
        printed_by: Who prints its tables while it boots, unasked and once; None where they are
            listed on request, in any order and perhaps twice.
    """

    name: str
    about: str
    printed_by: Literal["Linux", "Xen"] | None = None

    def messages_lost(self, number: int, words: str) -> None:
        """Take note that line ``number`` reports lost messages; ``words`` quotes it."""

    def cut_off(self, number: int, line: str) -> None:
        """Take note that the input ends within line ``number``.

        :meth:`feed` got it before if it has a needle or was asked for.
        """

    @abstractmethod
    def finish(self) -> Sequence[Table]:
        """Return the tables found, possibly none, in the order of their first lines.

        Raises InputError, naming the line, where the input cannot be read at all. A damaged table
        gets a problem of severity ``error`` instead, since another one may be usable.
        """


class TableForm(LineForm):
    """A line form that collects its tables in :class:`hwpkho.memmap.tables.Tables`.

    Attributes:
        unfinished: Matches what is left of a line within which the input ends; None if
            :meth:`feed` recognises every half line of this form.
        _tables: The tables.
    """

    unfinished: re.Pattern[str] | None = None
    _tables: Tables

    def taken(self) -> int:
        """See :meth:`LineReader.taken`."""
        return self._tables.taken

    def messages_lost(self, number: int, words: str) -> None:
        """See :meth:`LineForm.messages_lost`."""
        self._tables.messages_lost(number, words)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`."""
        if self.unfinished is not None and self.unfinished.search(line):
            self._tables.cut_off(number)
