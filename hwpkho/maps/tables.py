"""Tables that line forms collect: ranges checked, counted, and bounded in number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwpkho.codes import problem
from hwpkho.codes.memmap import BEYOND, DAMAGED, EMPTY_RANGE, REPEATED, REVERSED
from hwpkho.errors import InputError
from hwpkho.maps.forms.base import RawMap
from hwpkho.model.memmap import Entry
from hwpkho.pages import PHYS_END
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hwpkho.codes import Code

#: More entries than any kernel keeps or firmware lists, and more distinct ones than any log holds.
MAX_ENTRIES = 1 << 16
MAX_DISTINCT = 1 << 17
#: More tables than the logs of years hold.
MAX_TABLES = 1 << 15
#: Problems kept for each table; the first ones tell the story.
MAX_PROBLEMS = 16

_NOTHING: Mapping[str, object] = {}


@dataclass(slots=True)
class _Listing:
    """What :meth:`Tables.start_over` keeps of an open table.

    Attributes:
        headed: Whether it began under a heading.
        ranges: Its ranges so far, end inclusive.
        echo, echoes: Whether the last line was a repetition, and how many were.
    """

    headed: bool = False
    ranges: set[tuple[int, int]] = field(default_factory=set)
    echo: bool = False
    echoes: int = 0


class Tables:
    """The tables of one form in one log.

    A table stays open for more entries until another of its name begins. Tables equal to an
    earlier one share its entries, so the log of a thousand equal boots costs little.
    """

    def __init__(self) -> None:
        self._all: list[RawMap] = []
        self._open: dict[str, RawMap] = {}
        self._listings: dict[str, _Listing] = {}
        self._equal: dict[tuple[object, ...], list[list[Entry]]] = {}
        self._distinct = 0

    def begin(self, name: str, *, headed: bool = False) -> None:
        """Close the open table ``name``, so that the next entry starts another.

        ``headed`` says that a heading was seen: only another one ends that table.
        """
        table = self._open.pop(name, None)
        self._listings[name] = _Listing(headed)
        if table is not None:
            self._share(table)

    def start_over(self, name: str, line: int, start: int, end: int) -> None:
        """Begin another table where a listing that firmware printed starts over.

        So it does with the first entry's address, and without a heading with any range that the
        table has already: a list printed twice may be in another order. What is logged twice in a
        row is no new list, unless that is the table's last line and no other is.
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

    def open(self, name: str) -> RawMap | None:
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

    def table(self, name: str, line: int) -> RawMap:
        """Return the open table ``name``; opens one at ``line`` where there is none."""
        table = self._open.get(name)
        if table is None:
            if len(self._all) >= MAX_TABLES:
                raise InputError(f"line {line}: more than {MAX_TABLES} tables: no log of a machine")
            table = self._open[name] = RawMap(name, [], line=line)
            self._all.append(table)
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

        One that ends before it starts or lies beyond 2^64 becomes a problem, an empty one
        (``end == start - 1``) and an exact repetition of the last entry a note.
        """
        table = self.table(name, line)
        entries = table.entries
        if end < start or end >= PHYS_END:
            if end == start - 1:
                self.odd(name, line, EMPTY_RANGE, f"the range at 0x{start:x} is empty", start)
            elif end < start:
                self.odd(name, line, REVERSED, f"the range 0x{start:x}-0x{end:x} is reversed")
            else:
                self.odd(name, line, BEYOND, f"the range from 0x{start:x} reaches past 2^64")
            return False
        entry = Entry(start, end, type_, attributes)
        if entries and entries[-1] == entry:
            self.odd(name, line, REPEATED, f"the same as the entry before (0x{start:x})", start)
            return False
        if len(entries) >= MAX_ENTRIES:
            raise InputError(f"line {line}: more than {MAX_ENTRIES} entries: no map of a machine")
        self._distinct += 1
        if self._distinct > MAX_DISTINCT:
            raise InputError(
                f"line {line}: more than {MAX_DISTINCT} different entries: no log of a machine"
            )
        entries.append(entry)
        return True

    def extend(self, name: str, entries: Sequence[Entry]) -> bool:
        """Append sound entries, none like the one before it, to the open table ``name``.

        Return False where there is no open table or no room for so many; none is taken then.
        """
        table = self._open.get(name)
        if (
            table is None
            or len(table.entries) + len(entries) > MAX_ENTRIES
            or self._distinct + len(entries) > MAX_DISTINCT
        ):
            return False
        self._distinct += len(entries)
        table.entries += entries
        return True

    def amend(self, name: str, attributes: Mapping[str, object]) -> None:
        """Give the last entry of the open table ``name`` other attributes."""
        table = self._open.get(name)
        if table and table.entries:
            last = table.entries[-1]
            table.entries[-1] = Entry(last.start, last.end, last.type, attributes)

    def odd(self, name: str, line: int, code: Code, message: str, phys: int | None = None) -> None:
        """Attach a problem to the open table ``name``."""
        problems = self.table(name, line).problems
        new = problem(code, f"line {line}: {message}", phys)
        if len(problems) < MAX_PROBLEMS:
            problems.append(new)
        elif new.severity == "error" and problems[-1].severity != "error":
            problems[-1] = new

    def damaged(self, name: str, line: int, text: str, expected: str) -> None:
        """Attach the problem of an unreadable line to the open table ``name``."""
        shown = printable(" ".join(text.split())[-100:])[-100:]
        self.odd(name, line, DAMAGED, f'"{shown}": expected {expected}')

    def _share(self, table: RawMap) -> None:
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

    def finish(self) -> list[RawMap]:
        """Return the tables that have entries or problems, in order."""
        for name in list(self._open):
            self.begin(name)
        return [t for t in self._all if t.entries or t.problems]
