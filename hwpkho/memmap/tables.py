"""Collects the tables of a line form: checks each range, and bounds how many are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.memmap import BEYOND, CUT, DAMAGED, EMPTY_RANGE, REPEATED, REVERSED
from hwpkho.codes.memmap_gaps import MESSAGES_LOST
from hwpkho.errors import InputError
from hwpkho.memmap import gaps
from hwpkho.memmap.model import Entry
from hwpkho.memmap.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.codes import Code

#: Entries in one table, and distinct entries in all tables of a log: far more than real ones have.
MAX_ENTRIES = 1 << 16
MAX_DISTINCT = 1 << 17
#: Tables in one log: more than years of boots print.
MAX_TABLES = 1 << 13
#: Entries that a kernel (E820_MAX_ENTRIES, 3200 with 1024 NUMA nodes) or Xen (1024) can have.
MAX_E820_ENTRIES = 1 << 12
#: Descriptors of a listing that firmware or a boot loader prints: some hundreds in real ones.
MAX_EFI_ENTRIES = 1 << 13
#: Problems kept for each table.
MAX_PROBLEMS = 16
#: Repeated, empty or damaged lines in one table; with more it is not a map.
MAX_ODD = 1 << 12
#: Lines above or below a table within which a report of lost messages counts for it.
_NEAR = 2
#: Lines within which a table must go on for a suspect line to count as damaged.
_BESIDE = 6

_NOTHING: Mapping[str, object] = {}


class _Listing:
    """What :meth:`Tables.start_over` keeps of an open table.

    Attributes:
        headed: Whether it began under a heading.
        ranges: Its ranges so far, end inclusive.
        echo, echoes: Whether the last line was a repetition, and how many were.
    """

    def __init__(self, *, headed: bool = False) -> None:
        self.headed = headed
        self.ranges: set[tuple[int, int]] = set()
        self.echo = False
        self.echoes = 0


class Tables:
    """The tables of one form in one log.

    A table stays open for more entries until another of its name begins. Tables equal to an
    earlier one share its entries, so the log of a thousand equal boots costs little.
    """

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        """Collect tables of at most ``most`` entries each."""
        self._most = most
        self._all: list[Table] = []
        self._open: dict[str, Table] = {}
        self._listings: dict[str, _Listing] = {}
        self._oddities: dict[str, int] = {}  # repeated and damaged lines of each open table
        self._equal: dict[tuple[object, ...], list[list[Entry]]] = {}
        self._distinct = 0
        #: How many entries were appended and lines lost, in all tables.
        self.taken = 0
        #: Of each open table the number of its last line.
        self._lines: dict[str, int] = {}
        #: Lines that report lost messages, and their text: (line, words).
        self._lost: list[tuple[int, str]] = []
        #: Lines among those of a table that may be damaged ones: (line, text, expected, depth).
        self._suspects: dict[str, list[tuple[int, str, str, int]]] = {}

    def begin(self, name: str, *, headed: bool = False) -> None:
        """Close the open table ``name``, so that the next entry starts another.

        ``headed`` says that a heading was seen: only another one ends that table.
        """
        table = self._open.pop(name, None)
        self._suspects.pop(name, None)
        self._listings[name] = _Listing(headed=headed)
        if table is not None:
            self._tail(table, self._lines.pop(name, 0))
            self._share(table)

    def start_over(self, name: str, line: int, start: int, end: int) -> None:
        """Begin another table where a listing that firmware printed starts over.

        It starts over when the address of its first entry comes again or, in a table without a
        heading, any range that it already has: a list printed twice may be in another order. The
        same line twice in a row does not start a new list, unless it is the only repeated line and
        the last one.
        """
        listing = self._listings.setdefault(name, _Listing())
        table = self._open.get(name)
        if table and table.entries:
            first, last = table.entries[0], table.entries[-1]
            echo = (start, end) == (last.start, last.end)
            known = not listing.headed and not echo and (start, end) in listing.ranges
            if known or (last is not first and start == first.start):
                self.begin(name)
                if listing.echoes == 1 and listing.echo:
                    self.add(name, line, *last)
                listing, echo = self._listings[name], False
            listing.echo = echo
            listing.echoes += echo
        listing.ranges.add((start, end))

    def messages_lost(self, number: int, words: str) -> None:
        """Note that line ``number`` reports lost messages; ``words`` quotes it.

        They count as lost lines of a table if they are within it or next to it.
        """
        del self._lost[:-MAX_PROBLEMS]
        self._lost.append((number, words))

    def _before_entry(self, table: Table, number: int) -> None:
        """Attach what was lost since the table's last line to its next entry, at ``number``."""
        since = self._lines.get(table.name, number - 1 - _NEAR)
        for line, words in self._lost:
            if since <= line <= number:
                gaps.lose(table, MESSAGES_LOST, f"line {line}: {words}")
        self._lost = [(line, words) for line, words in self._lost if line > number]

    def _tail(self, table: Table, last: int) -> None:
        """Attach what was lost directly behind the table's last line."""
        for line, words in self._lost:
            if last < line <= last + _NEAR:
                gaps.lose(table, MESSAGES_LOST, f"line {line}: {words}")

    def cut_off(self, number: int) -> None:
        """Note that the input ends within line ``number``, directly below a table's lines."""
        for name, last in list(self._lines.items()):
            if number - _NEAR <= last < number:
                self.lose(name, number, CUT, "the input ends within this line")

    def open(self, name: str) -> Table | None:
        """Return the open table ``name``, None where there is none."""
        return self._open.get(name)

    def last(self, name: str) -> Entry | None:
        """Return the last entry of the open table ``name``, None where there is none."""
        table = self._open.get(name)
        return table.entries[-1] if table and table.entries else None

    def first(self, name: str) -> Entry | None:
        """Return the first entry of the open table ``name``, None where there is none."""
        table = self._open.get(name)
        return table.entries[0] if table and table.entries else None

    def table(self, name: str, line: int) -> Table:
        """Return the open table ``name``; open one at ``line`` if there is none.

        Raises InputError for more tables than a log has.
        """
        table = self._open.get(name)
        if table is None:
            if len(self._all) >= MAX_TABLES:
                raise InputError(f"line {line}: more than {MAX_TABLES} tables, too many for a log")
            table = self._open[name] = Table(name, [], line=line)
            self._all.append(table)
            self._oddities[name] = 0
        return table

    def add(
        self,
        name: str,
        line: int,
        start: int,
        end: int,
        type_: str,
        attributes: Mapping[str, object] = _NOTHING,
    ) -> bool:
        """Append a range, ``end`` inclusive, to the open table; tell whether it was taken.

        A range that ends before it starts or goes beyond 2^64 is recorded as a damaged line. An
        empty one (``end == start - 1``) and a repetition of the last entry are only noted. Raises
        InputError for more entries than a map or a log has.
        """
        table = self._open.get(name) or self.table(name, line)
        entries = table.entries
        if self._lost:
            self._before_entry(table, line)
        if self._suspects:
            self._confirm(name, line)
        self._lines[name] = line
        if end < start or end >= PHYS_END:
            if end == start - 1:
                self.odd(name, line, EMPTY_RANGE, f"the range at 0x{start:x} is empty", start)
                return False
            code, what = BEYOND, f"the range from 0x{start:x} reaches past 2^64"
            if end < start:
                code, what = REVERSED, f"the range 0x{start:x}-0x{end:x} is reversed"
            depth = attributes.get("depth")
            depth = depth if isinstance(depth, int) else 0
            self.lose(name, line, code, what, depth=depth, named=(start, start))
            return False
        entry = Entry(start, end, type_, attributes)
        if entries and entries[-1] == entry:
            self.odd(name, line, REPEATED, f"the same as the entry before (0x{start:x})", start)
            return False
        if len(entries) >= self._most:
            raise InputError(
                f"line {line}: more than {self._most} entries, too many for a memory map"
            )
        self._distinct += 1
        if self._distinct > MAX_DISTINCT:
            raise InputError(
                f"line {line}: more than {MAX_DISTINCT} different entries, too many for a log"
            )
        entries.append(entry)
        self.taken += 1
        return True

    def amend(self, name: str, attributes: Mapping[str, object]) -> None:
        """Give the last entry of the open table ``name`` other attributes."""
        table = self._open.get(name)
        if table and table.entries:
            last = table.entries[-1]
            table.entries[-1] = Entry(last.start, last.end, last.type, attributes)

    def odd(self, name: str, line: int, code: Code, message: str, phys: int | None = None) -> None:
        """Attach a problem to the open table ``name``; ``phys`` is the address that it is about."""
        problems = self.table(name, line).problems
        self._count_odd(name, line)
        if len(problems) < MAX_PROBLEMS:
            problems.append(problem(code, f"line {line}: {message}", phys))

    def lose(
        self,
        name: str,
        line: int,
        code: Code,
        message: str,
        *,
        replaced: int = 0,
        depth: int = 0,
        named: tuple[int, int] | None = None,
    ) -> None:
        """Record a lost or damaged line of the open table ``name``, behind its last entry.

        ``replaced`` says how many of the last entries are doubtful themselves, ``named`` are the
        first and last byte that the line names.
        """
        table = self.table(name, line)
        self._count_odd(name, line)
        self.taken += 1
        at, shown = len(table.entries) - replaced, f"line {line}: {message}"
        gaps.lose(table, code, shown, at=at, replaced=replaced, depth=depth, named=named)
        self._lines[name] = line

    def _count_odd(self, name: str, line: int) -> None:
        self._oddities[name] += 1
        if self._oddities[name] > MAX_ODD:
            raise InputError(
                f"line {line}: more than {MAX_ODD} repeated or damaged lines in one table, too "
                "many for a memory map"
            )

    def damaged(
        self,
        name: str,
        line: int,
        text: str,
        expected: str,
        *,
        depth: int = 0,
        named: tuple[int, int] | None = None,
    ) -> None:
        """Record a line of the open table ``name`` that cannot be read."""
        shown = printable(" ".join(text.split())[-100:])[-100:]
        message = f'"{shown}": expected {expected}'
        named = named if named and named[0] <= named[1] < PHYS_END else None
        self.lose(name, line, DAMAGED, message, depth=depth, named=named)

    def suspect(self, name: str, line: int, text: str, expected: str, *, depth: int = 0) -> None:
        """Note a line that may be a damaged one of table ``name``: it is if the table goes on."""
        suspects = self._suspects.setdefault(name, [])
        if len(suspects) < _BESIDE:
            suspects.append((line, text, expected, depth))

    def _confirm(self, name: str, line: int) -> None:
        """Record the suspects as damaged lines, now that ``line`` continues the table."""
        for number, text, expected, depth in self._suspects.pop(name, ()):
            if line - _BESIDE <= number < line:
                self.damaged(name, number, text, expected, depth=depth)

    def _share(self, table: Table) -> None:
        entries = table.entries
        if not entries:
            return
        key = (table.name, len(entries), entries[0].start, entries[-1].end)
        known = self._equal.setdefault(key, [])
        for earlier in known:
            if earlier == entries:
                self._distinct -= len(entries)
                table.entries = earlier
                return
        if len(known) < 16:  # bounds the comparisons of hostile input
            known.append(entries)

    def finish(self) -> list[Table]:
        """Return the tables that have entries, problems or lost lines, in order."""
        for name in list(self._open):
            self.begin(name)
        return [t for t in self._all if t.entries or t.problems or t.lost_lines]
