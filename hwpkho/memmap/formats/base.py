"""What a form of memory map is: how it is recognised and how it is read.

Two kinds. A :class:`LineForm` finds its lines in any log, several of them may share one text; a
:class:`FileForm` is a whole file or folder of its own (binary, tree, archive). A form is one
module here and one line in :mod:`hwpkho.memmap.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.memmap.rawmap import RawMap
    from hwpkho.memmap.tables import Tables


#: What Linux prints first at boot. A form whose tables Linux prints closes them there.
LINUX_STARTS = b"Linux version "

# Triggers that several forms share: the fewer there are, the faster a log is searched.

#: ``A-B]`` with 0x and 16 digits: a whole line of e820, or EFI's without or before its size.
LONG_RANGE = rb"-0x[0-9A-Fa-f]{16}\](?! \([ 0-9])"
#: ``A-B] (7MB)``, ``A-B)``, ``A-B [``: EFI's alone; or its first half at the end of a line.
EFI_RANGE = (
    rb"-0x[0-9A-Fa-f]{1,16}+(?:\] \( *+[0-9]+[KMG]?B"
    rb"|\)(?:(?<=[0-9A-Fa-f]{16}\))[ \t]*\n| \( *+[0-9]+[KMG]?B)|[ \t]+(?:\[|\n)"
    rb"|(?<=x[0-9A-Fa-f]{12})\n)"
)
#: ``range=[A-B`` as an editor left it: numbers without leading zeros, perhaps without a size.
SHORT_EFI_RANGE = (
    rb"-0x(?:"
    + b"|".join(rb"(?<==\[0x[0-9A-Fa-f]{%d}.0x)" % digits for digits in range(1, 16))
    + rb")"
)
#: ``A-B`` without 0x: tables of firmware and boot loaders, /proc/iomem.
BARE_RANGE = rb"-[0-9A-Fa-f]{8,16}+(?:(?<=[0-9A-Fa-f]{16})[ \t\n]| : | type=)"
#: ``A - B`` of old kernels and hypervisors.
SPACED_RANGE = rb"- [0-9A-Fa-f]{16}[ \n]"


#: Why a log whose lines descend is not read.
UPSIDE_DOWN = (
    "the map stands upside down, as journalctl -r prints it: give the log oldest line first, "
    "without -r or through tac"
)

#: What may stand before a line that a form takes in :meth:`LineForm.run`; nothing in it concerns
#: any form. Of dmesg (also with -T, -r, a caller), syslog and journalctl.
PLAIN_PREFIX = (
    rb"(?:<[0-9]{1,3}>|(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}"
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})) "
    rb"(?![\w.-]*(?:memattr|-[0-9A-Fa-f]{16} ))[\w.-]{1,64} kernel: )?+"
    rb"(?:\[(?:[A-Z][a-z]{2} ){0,2}+[ 0-9:.]{1,30}+\] ?+(?:\[ *+[TC][0-9]{1,10}\] )?+)?+"
)


class FileForm(ABC):
    """A form that is a whole input.

    Attributes:
        name: The ``form`` of hwpkho.memmap/1.
        about: One line for the README's table: what it is and where a user finds it.
        enough: Bytes from the beginning that :meth:`read` needs; None: all of them.
    """

    name: str
    about: str
    enough: int | None = None

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

    One instance reads one log. Lines are selected before they are shown to it, which keeps a
    million-line log cheap: only a line in which one of the ``triggers`` is found is.

    Attributes:
        name: The ``form`` of hwpkho.memmap/1.
        about: One line for the README's table.
        triggers: Regular expressions without capturing groups. The first byte of each stands for
            itself and is what is searched for: one that is rare in logs, or one of
            :data:`hwpkho.memmap.scanner.COMMON`, which share one pass; best is the hyphen of a
            range ``A-B``. Bytes of COMMON but the first of them match nowhere behind a first byte.
        separators: As triggers, of lines that matter only where a trigger follows: they are
            searched for late, and behind the last table of most logs not at all.
        more: Set by :meth:`feed` where the next line must be shown too, whatever stands in it: a
            table's lines below its header, the rest of a line that a mail program broke.
        unfinished: What is left of a line within which the input ends; None: every half line of
            this form is one that :meth:`feed` knows.
        _tables: Where a form collects its tables.
        again: Set by :meth:`feed` where the line seems to be the rest of the line before it: both
            are shown once more, joined by a blank, under the first one's number. That one may ask
            again, for the line before that. What carriage returns divide counts as lines here.
    """

    name: str
    about: str
    triggers: tuple[bytes, ...]
    separators: tuple[bytes, ...] = ()
    more: bool = False
    again: bool = False
    unfinished: re.Pattern[str] | None = None
    _tables: Tables

    def run(self, _block: bytes, start: int, _number: int, /) -> int:
        """Take lines at once that :meth:`feed` would take one by one; a form need not have this.

        The block is whole lines, each ended by LF; one with a trigger of this form begins at
        ``start``, its number is the last argument. Return where the first line begins that is not
        taken. A line may be taken only if :meth:`feed` would add it to an open table, or nothing,
        and find nothing odd about it,
        and if it says nothing to any other form.
        """
        return start

    @abstractmethod
    def feed(self, number: int, line: str) -> None:
        """Take line ``number`` (from 1), prefixes included, line end stripped."""

    def taken(self) -> int:
        """Return how many lines told this form something so far: they pay for the others."""
        return self._tables.taken

    def messages_lost(self, number: int, words: str) -> None:
        """Hear that at line ``number`` the log says, in ``words``, that messages were lost."""
        self._tables.messages_lost(number, words)

    def cut_off(self, number: int, line: str) -> None:
        """Hear that the input ends within line ``number``, which has no line end.

        It was shown to :meth:`feed` before if that concerned this form.
        """
        if self.unfinished is not None and self.unfinished.search(line):
            self._tables.cut_off(number)

    @abstractmethod
    def finish(self) -> Sequence[RawMap]:
        """Return the tables found, possibly none, in the order of their first lines.

        Raises InputError, naming the line, where the input cannot be read at all. A single
        damaged table carries a problem of severity ``error`` instead: another may be chosen.
        """
