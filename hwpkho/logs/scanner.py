"""Finds the lines of a log that a reader wants, and passes them to it in order.

A log has a million lines, of which a few hundred matter. Each reader names its needles: regular
expressions, one of which matches in each of its lines. The scanner searches a block of the log for
the needles of all readers and skips a block without any. It knows nothing about what the lines say.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.logs.around import MAX_ABOVE, MAX_LINE, Around, line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Numbers of cut lines that are kept.
_MAX_CUT = 8

#: Lines with a needle that no reader can use cost the most time for their size, and no real log
#: consists of them. Allowed are _VAIN, one for each _BYTES_FOR_ONE bytes of the log, and
#: _VAIN_FOR_TAKEN for each line that a reader could use.
_BYTES_FOR_ONE = 256
_VAIN = 1 << 14
_VAIN_FOR_TAKEN = 4

#: A needle all of whose matches begin with its own first character.
_PLAIN = re.compile(rb"[\w\t #](?![?*{])[^|]*")


class LineReader(ABC):
    """Reads its lines out of a log; one instance for each log.

    Attributes:
        needles: Regular expressions without capturing groups, one of which matches within each
            line of this reader and in few others; ``\\n`` matches a line's end. All that begin with
            the same character are searched for in one pass, which takes 10 ms for 25 MiB of log;
            so some begin within a word, as those of other readers do.
        above: Returns the lines above the one being fed, whether or not they have a needle: up to
            MAX_ABOVE of them (:mod:`hwpkho.logs.around`), nearest first, as (number, text). The
            parts of a line that carriage returns divide count as lines. The scanner sets it;
            without a scanner it returns nothing.
        beneath: Returns the line that stands below the one being fed in the file, whichever way the
            log is read: there a terminal or mail program puts the rest of a line that it breaks.
            Empty where there is none, and without a scanner, which sets it.
        entry: Returns the entry of a journal around the line being fed, as far as it is within
            MAX_ENTRY bytes: in the export format from blank line to blank line; around an
            indented line in JSON from brace to brace, or in the verbose form with the line above
            its fields. Empty outside an entry, and without a scanner, which sets it.
    """

    needles: tuple[bytes, ...]
    above: Callable[[], Sequence[tuple[int, str]]] = staticmethod(tuple)
    beneath: Callable[[], str] = staticmethod(str)
    entry: Callable[[], str] = staticmethod(str)

    @abstractmethod
    def feed(self, number: int, line: str) -> bool:
        """Take line ``number`` (from 1), prefixes included, line end stripped.

        Return True to get the next line as well, with a needle or without: for the lines below a
        table's header, or the rest of a line that a mail program broke.
        """

    def feed_all(self, _number: int, _block: bytes, /) -> bool:
        """Take a block of lines, from ``_number`` on, in which no other reader has a needle.

        Return True if this reader took all of them, as :meth:`feed` would, and wants the next line;
        False to get them one by one. :attr:`above` returns the lines above the first of them.
        """
        return False

    def taken(self) -> int | None:
        """Return how many lines this reader could use so far; None: all that it got.

        See :meth:`Scanner.feed`.
        """
        return None


class _Needles:
    """The needles of several readers that begin with the same character.

    Attributes:
        first: That character; empty where one of them may begin otherwise.
        any: Finds all of them in one pass.
        each: The needles that the same readers have, as one pattern, and these readers' positions.
    """

    def __init__(self, readers_of: dict[bytes, list[int]]) -> None:
        plain = all(map(_PLAIN.fullmatch, readers_of))
        self.first = next(iter(readers_of))[:1] if plain else b""
        self.any = re.compile(b"|".join(readers_of))
        needles_of: dict[tuple[int, ...], list[bytes]] = {}
        for needle, readers in readers_of.items():
            needles_of.setdefault(tuple(readers), []).append(needle)
        self.each = [(re.compile(b"|".join(n)), readers) for readers, n in needles_of.items()]


@cache  # every log is read by new instances of the same readers
def _groups(needles: tuple[tuple[bytes, ...], ...]) -> list[_Needles]:
    """Return the needles of all readers, grouped by their first character.

    Python searches for alternatives that all begin with the same character many times faster than
    for others.
    """
    groups: dict[bytes, dict[bytes, list[int]]] = {}
    for position, own in enumerate(needles):
        for needle in own:
            groups.setdefault(needle[:1], {}).setdefault(needle, []).append(position)
    return [_Needles(group) for group in groups.values()]


class Scanner:
    """Shows each reader the lines of a log that concern it.

    ``what`` names what the readers look for, ``name`` the log (printable; empty where the caller
    adds it); the InputError of :meth:`feed` says both. ``backwards``: the last line comes first.
    """

    def __init__(
        self,
        readers: Iterable[LineReader],
        what: str = "a memory map",
        name: str = "",
        *,
        backwards: bool = False,
    ) -> None:
        self._readers, self._what = list(readers), what
        self._name = f"{name}: " if name else ""
        self._groups = _groups(tuple(reader.needles for reader in self._readers))
        #: Positions of the readers that want the next line whatever it is.
        self._asking: list[int] = []
        #: Lines read so far; numbers of the first lines that were cut to MAX_LINE.
        self.lines = 0
        self.cut: list[int] = []
        #: Lines shown so far and how many may be; bytes seen.
        self._shown, self._may_show, self._bytes = 0, _VAIN, 0
        #: By the position of a reader: lines that it got.
        self._got = [0] * len(self._readers)
        self._around = Around(backwards=backwards)
        for reader in self._readers:
            reader.above, reader.entry = self._around.above, self._around.entry
            reader.beneath = self._around.beneath

    def feed(self, block: bytes, below: bytes = b"") -> None:
        """Take a block of whole lines, as :func:`hwpkho.logs.text.blocks` yields them.

        ``below`` is the beginning of the next block, as far as it is known: what it has of the
        entries of this one (:attr:`LineReader.entry`).

        Raises InputError, naming the line, where too many lines have a needle and no reader can use
        them.
        """
        if not block.endswith(b"\n"):
            block += b"\n"
        self._around.block, self._around.below = block, below
        self._bytes += len(block)
        # To find that a block lacks a character is many times faster than to search for a needle.
        there = [group for group in self._groups if group.first in block]
        groups = [group for group in there if group.any.search(block)]
        only = _only(groups, block)
        if only is not None and self._take_all(only, block):
            self._remember(block, self.lines + block.count(b"\n"))
            return
        concerned = _concerned(groups, block)
        places = iter(sorted(concerned))
        place = next(places, -1)
        start = counted = 0
        number = self.lines
        while start < len(block) and (self._asking or place >= 0):
            start = start if self._asking else place
            number += block.count(b"\n", counted, start)
            counted = start
            end = block.find(b"\n", start)
            readers = self._asking
            if start == place:
                readers = sorted({*readers, *concerned[place]})
                place = next(places, -1)
            self._show(readers, number + 1, start, end)
            start = end + 1
        self._remember(block, number + block.count(b"\n", counted))

    def _remember(self, block: bytes, lines: int) -> None:
        """Keep a block that was read, up to line ``lines``, for the lines below it to look at."""
        self._around.remember(block, lines - self.lines)
        self.lines = lines

    def _take_all(self, position: int, block: bytes) -> bool:
        """Offer a block to the only reader that it concerns; return whether it took all lines."""
        count = block.count(b"\n")
        asked = any(other != position for other in self._asking)
        if asked or self._shown + count > self._may_show:
            return False
        self._around.show(self.lines + 1, 0)
        if not self._readers[position].feed_all(self.lines + 1, block):
            return False
        self._shown += count
        self._got[position] += count
        self._asking = [position]
        return True

    def _show(self, readers: Sequence[int], number: int, start: int, end: int) -> None:
        """Show a line, or the parts that carriage returns divide it into."""
        if end - start > MAX_LINE and len(self.cut) < _MAX_CUT:
            self.cut.append(number)
        line = line_of(self._around.block, start, end)
        divided = line.split("\r") if "\r" in line else None
        self._shown += len(divided) if divided else 1
        if self._shown > self._may_show:
            self._allow_more(number)
        self._around.show(number, start)
        asking = []
        for position in readers:
            reader = self._readers[position]
            if divided is None:
                self._got[position] += 1
                asks = reader.feed(number, line)
            else:
                self._got[position] += len(divided)
                asks = self._show_parts(reader, number, divided)
            if asks:
                asking.append(position)
        self._asking = asking

    def _show_parts(self, reader: LineReader, number: int, divided: Sequence[str]) -> bool:
        """Show a reader the parts of a line; tell whether it asks for the next line."""
        asks = False
        parts: list[str] = []
        for part in divided:
            self._around.parts = parts[: -MAX_ABOVE - 1 : -1]
            asks = reader.feed(number, part)
            if part.strip():
                parts.append(part)
        return asks

    def _allow_more(self, number: int) -> None:
        """Raise InputError at line ``number`` where too many lines were shown in vain."""
        used = (reader.taken() for reader in self._readers)
        taken = sum(g if u is None else u for g, u in zip(self._got, used, strict=True))
        self._may_show = _VAIN + self._bytes // _BYTES_FOR_ONE + taken * _VAIN_FOR_TAKEN
        if self._shown > self._may_show:
            raise InputError(
                f"{self._name}line {number}: {self._shown - taken} lines look like those of "
                f"{self._what} but are not, too many for a log"
            )


def _only(groups: Sequence[_Needles], block: bytes) -> int | None:
    """Return the only reader with needles in ``block``, None where there are several or none."""
    there = {
        reader
        for group in groups
        for needle, readers in group.each
        if needle.search(block)
        for reader in readers
    }
    return there.pop() if len(there) == 1 else None


def _concerned(groups: Sequence[_Needles], block: bytes) -> dict[int, list[int]]:
    """Return the offsets of the lines in ``block`` with a needle, and the readers of each."""
    found: dict[int, list[int]] = {}
    for group in groups:
        for needle, readers in group.each:
            match = needle.search(block)
            while match and match.start() < len(block):
                start = block.rfind(b"\n", 0, match.start()) + 1
                found.setdefault(start, []).extend(readers)
                match = needle.search(block, block.find(b"\n", match.start()) + 1)
    return found
