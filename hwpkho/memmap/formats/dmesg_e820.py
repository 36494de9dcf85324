"""The e820 tables that an x86 Linux prints at boot, in all wordings since 2.2.

Source: arch/x86/kernel/e820.c, e820__print_table() and e820_print_type(); before 2.6.25
arch/i386/kernel/setup.c and arch/x86_64/kernel/e820.c, print_memory_map(). Up to 3.4 a range ends
one past its last byte and the type stands in parentheses; from 3.5 on the end is inclusive; from
7.0 on the types have longer names and ``[gap ...]`` lines name the addresses in between.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.late import late
from hwpkho.codes import problem
from hwpkho.codes.memmap import CUT, DAMAGED, OUT_OF_ORDER
from hwpkho.errors import InputError
from hwpkho.logs.boot_marks import LINUX_STARTS
from hwpkho.memmap import e820_names, gaps
from hwpkho.memmap.formats import e820_lines as rows
from hwpkho.memmap.formats.base import (
    LONG_RANGE,
    SPACED_RANGE,
    UPSIDE_DOWN,
    TableForm,
)
from hwpkho.memmap.patterns import begun
from hwpkho.memmap.remnants import is_cut, is_remnant, without_stamps
from hwpkho.memmap.table import Table
from hwpkho.memmap.tables import MAX_E820_ENTRIES, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.model import Entry

#: Maps that may begin at any address: one of ``memmap=exactmap``, one that hwpkho wrote.
_BEGIN_ANYWHERE = frozenset(("e820_firmware", "e820_user"))
_EXTENDED_OR_NEXT = frozenset(("e820_firmware", "e820_setup_data", "extended"))
_ALL_MAPS = ("e820_firmware", *rows.MAPS.values())
_HEADED = {
    "BIOS-provided": ("e820_firmware", "xen_dom0"),
    "user-defined": ("e820_user",),
    "modified": ("e820_modified",),
    "extended": ("e820_setup_data", "extended"),
}

_MAYBE = (
    "BIOS-", "user:", "modified:", "setup_data:", "extended:", "Xen:", "RAM map", "Linux version ",
)  # fmt: skip
#: Other lines in a row, below a header, an entry or a broken line, after which a table has ended.
_PATIENCE = 3

_EXPECTED = "[mem 0x...-0x...] and a type of memory"


class DmesgE820(TableForm):
    """``BIOS-e820: [mem 0x...-0x...] usable`` and the other prefixes and wordings."""

    name = "dmesg-e820"
    about = "x86 kernel log (dmesg, journal, syslog, serial console): BIOS-e820 lines, 2.2 to 7.x"
    printed_by = "Linux"
    needles = (
        LONG_RANGE,
        SPACED_RANGE,
        rb"-(?:e8[20][01]|88|provided|defined)[: ]",
        rb"map:(?<=(?:modified|extended) physical RAM map:)",
        LINUX_STARTS.encode(),
    )
    unfinished = late(rf"(?:^|[\]:]\s)\s*{begun('BIOS-e820: [mem')}$")

    def __init__(self) -> None:
        self._tables = Tables(MAX_E820_ENTRIES)
        self._broken: tuple[int, str, str] | None = None  # line number, map, text so far
        self._patience = 0
        self._name = "e820_firmware"  # of the last line
        self._row = ""  # the last line of a table
        self._full: dict[str, bool] = {}  # whether a table's addresses have all their digits
        #: Names whose heading was seen without an entry yet; by identity, tables with a heading.
        self._headed: set[str] = set()
        self._with_heading: set[int] = set()
        #: Of tables, by identity: (number of entries, line) where addresses go down.
        self._descents: dict[int, list[tuple[int, int]]] = {}

        #: Of tables, by identity: what their ``[gap ...]`` lines say, since 7.0.
        self._gap_lines: dict[int, list[gaps.Place]] = {}

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        if self._broken and self._joined(line):
            pass
        elif not (self._patience or any(word in line for word in _MAYBE)):
            return False
        elif "RAM map:" in line and (header := rows.HEADER.search(line)):
            if match := rows.LINE.search(line, 0, header.start()):  # a copy lost the line end
                self._entries(number, line[: header.start()], match)
            self._heading(line, header)
            behind = header.end()  # whole lines stand there in a log that is one line of JSON
            if rows.FIRST.match(line, behind) or rows.LINE.search(line, behind):
                return self.feed(number, line[behind:])
        elif match := rows.LINE.search(line):
            self._entries(number, line, match)
        elif LINUX_STARTS in line:
            for name in _ALL_MAPS:
                if self._tables.open(name) is not None:
                    self._tables.begin(name)
        elif begun := rows.BEGUN.search(line):
            self._break(number, rows.map_of(begun["who"]), line)
        elif rows.LIKE.search(line) or (self._patience and rows.has_damaged_prefix(line)):
            self._damaged(number, line)
        elif self._patience:
            self._beside(number, line)
        return self._patience > 0

    def _heading(self, line: str, header: re.Match[str]) -> None:
        """Begin the tables that may follow a heading."""
        for name in _HEADED[header[1]]:
            self._tables.begin(name)
            self._headed.add(name)
        self._name, self._row = _HEADED[header[1]][0], line
        self._patience = _PATIENCE

    def _damaged(self, number: int, line: str) -> None:
        """Record a line that begins like one of a table and cannot be read."""
        like = rows.LIKE.search(line)
        name = rows.map_of(like["who"]) if like else self._name
        if self._begun_table(name) or (like and like["who"].startswith("BIOS-")):
            self._tables.damaged(name, number, line, _EXPECTED)
            self._patience = _PATIENCE

    def _begun_table(self, name: str) -> bool:
        """Tell whether table ``name`` has begun: with an entry, or with its heading."""
        return self._tables.open(name) is not None or name in self._headed

    def _beside(self, number: int, line: str) -> None:
        """Look at a line without a known prefix below a table: it may be a damaged entry."""
        self._patience -= 1
        if not self._begun_table(self._name):
            return
        tail = rows.TAIL.match(without_stamps(line))
        if rows.BIOS_PREFIX.search(line) or (tail and len(tail["digits"]) >= rows.DIGITS // 2):
            self._tables.damaged(self._name, number, line, _EXPECTED)
            self._patience = _PATIENCE
        elif (
            tail
            or rows.is_scrap(line, self._row)
            or (is_remnant(line) and not rows.OTHER.search(line))
        ):
            self._tables.suspect(self._name, number, line, _EXPECTED)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`: also within the time stamp of what may be one more line."""
        if is_cut(line, self._row, last=True):
            self._tables.cut_off(number)
        else:
            super().cut_off(number, line)

    def _break(self, number: int, name: str, line: str) -> None:
        """Keep the start of a broken line; give up one that is still incomplete."""
        self._give_up()
        self._broken = (number, name, line.rstrip()[-200:])
        self._patience = _PATIENCE

    def _joined(self, line: str) -> bool:
        """Tell whether ``line`` completes the broken line before it (or stays part of it)."""
        if self._broken is None:
            return False
        number, _, text = self._broken
        rest = re.sub(r"^[>|\s]+", "", line)
        if not rest.strip():
            return True  # a blank line: CR CR LF, or double spacing
        if rows.LINE.search(line) or rows.HEADER.search(line):
            self._give_up()
            return False
        whole = rows.joined(text, rest)
        match = rows.LINE.search(whole)
        if match is None:
            self._give_up()
            return False
        self._entry(number, whole, match)
        return True

    def _give_up(self) -> None:
        """Record an incomplete line as damaged, if it belonged to a table."""
        if self._broken:
            number, name, text = self._broken
            self._broken = None
            if "BIOS-" in text or self._begun_table(name):
                self._tables.damaged(name, number, text, _EXPECTED)

    def _entries(self, number: int, line: str, first: re.Match[str]) -> None:
        """Take all entries of a line: a copy may have lost its line ends."""
        match: re.Match[str] | None = first
        at, taken = 0, False
        while match:
            torn = line[at : match.start()]
            if rows.TORN.search(torn) and self._begun_table(self._name):
                self._tables.damaged(self._name, number, torn, _EXPECTED)
            taken = self._entry(number, line, match)
            at = match.start("rest")
            match = None if self._broken else rows.LINE.search(line, at)
        if taken and rows.ENDING.search(line[at:]):
            self._tables.damaged(self._name, number, line[at:], _EXPECTED)

    def _entry(self, number: int, line: str, match: re.Match[str]) -> bool:
        """Take an entry; tell whether it is one that can be read."""
        self._broken = None
        if match["what"] == "gap":
            self._patience = _PATIENCE
            table = self._tables.open(rows.map_of(match["who"]))
            if len(match["a"]) != len(match["b"]) or e820_names.type_of(match["rest"].strip()):
                self._damaged(number, line)
            elif table is not None and table.entries:
                self._gap_lines.setdefault(id(table), []).append(
                    (int(match["a"], 16), int(match["b"], 16))
                )
            return False
        name = self._name = rows.map_of(match["who"])
        rest = match["rest"].strip()
        type_ = e820_names.type_of(rest)
        if type_ is None:
            if any(word.startswith(rest.lower().lstrip("(")) for word in e820_names.STARTS):
                self._break(number, name, line)
            else:
                self._tables.damaged(name, number, line, _EXPECTED, named=rows.bounds(match))
            return False
        start, end = rows.bounds(match)
        if match["sign"] != "@" and self._digits_lost(name, number, match):
            self._tables.damaged(name, number, line, f"addresses of {rows.DIGITS} digits")
            self._patience = _PATIENCE
            return False
        first, last = self._tables.first(name), self._tables.last(name)
        if first and last and start == first.start < last.start:
            self._tables.begin(name)  # the list starts anew: another boot
        elif last and start < last.start:
            table = self._tables.table(name, number)
            self._descents.setdefault(id(table), []).append((len(table.entries), number))
        self._tables.add(name, number, start, end, type_)
        self._row = line
        if name in self._headed:
            self._headed.discard(name)
            self._with_heading.add(id(self._tables.table(name, number)))
        self._patience = _PATIENCE
        return True

    def _digits_lost(self, name: str, number: int, match: re.Match[str]) -> bool:
        """Tell whether a range has fewer digits than a kernel prints, in a table that has them all.

        In every table the two addresses of a range have equally many digits.
        """
        numbers = (match["a"], match["b"]) if match["what"] else (match["c"], match["d"])
        if len(numbers[0]) != len(numbers[1]):
            return True
        full = all(len(number) == rows.DIGITS for number in numbers)
        table = self._tables.open(name)
        if table is None or not table.entries:
            self._full[name] = full
        elif full and not self._full.get(name, True) and len(table.entries) == 1:
            message = f"{_EXPECTED} in {rows.DIGITS} digits stood in the line before"
            self._tables.lose(name, number, DAMAGED, message, replaced=1)
            self._full[name] = True
        return not full and self._full.get(name, False)

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        if self._broken:
            number, name, _ = self._broken
            self._broken = None
            if self._begun_table(name):
                self._tables.lose(name, number, CUT, "the log ends within this line")
        found: list[Table] = []
        for table in _one_extended(self._tables.finish()):
            table.arch = "x86_64"
            descents = self._descents.get(id(table), ())
            if len(descents) == len(table.entries) - 1 >= 2:
                raise InputError(f"line {table.line}: {UPSIDE_DOWN}")
            cuts = [(at, line) for at, line in descents if _begins(table.entries, at)]
            overlapping = gaps.overlapping(table.entries)
            if cuts and overlapping:
                found += _split(table, cuts)
                continue
            if descents:
                message = f"line {table.line}: {table.name} is not in ascending order"
                table.problems.append(problem(OUT_OF_ORDER, message))
            gaps.lose_overlaps(table, overlapping)
            gaps.check_between(table, self._gap_lines.get(id(table), ()))
            trusted = table.name in _BEGIN_ANYWHERE and id(table) in self._with_heading
            if table.name != "xen_dom0" and not trusted:
                gaps.check_head(table)
            found.append(table)
        return found


def _one_extended(tables: Sequence[Table]) -> list[Table]:
    """Return the tables; of a boot's two "extended" ones only the second, which has more entries.

    The first is e820__memory_setup_extended()'s, after a 128th entry, the second
    e820__reserve_setup_data()'s. In between, memmap= and mem= may have changed it; the first one is
    kept where they did, as a map of the user follows.
    """
    kept: list[Table] = []
    following = ""
    changed = False
    second = 0  # where the last e820_setup_data is in ``kept``
    for table in reversed(tables):
        name = table.name
        changed = name == "e820_user" or (changed and name != "e820_firmware")
        if name == "extended":
            table.name = "e820_setup_data"
        if name == "e820_setup_data":
            second = len(kept)
        if name != "extended" or following != "e820_setup_data":
            kept.append(table)
        elif changed:
            kept[second] = table
        if name in _EXTENDED_OR_NEXT:
            following = name
    return kept[::-1]


def _begins(entries: Sequence[Entry], at: int) -> bool:
    """Tell whether a list may begin with entry ``at``: it starts as low as the first."""
    return entries[at].start <= max(gaps.LOWEST, entries[0].start)


def _split(table: Table, descents: Sequence[tuple[int, int]]) -> list[Table]:
    """Split lists of several boots whose headers are missing, as after grep.

    The ranges of one list never overlap. These do, and each of the lists ascends.
    """
    cuts = [(0, table.line), *descents, (len(table.entries), None)]
    parts = [
        Table(table.name, table.entries[at:until], arch=table.arch, line=line)
        for (at, line), (until, _) in pairwise(cuts)
    ]
    parts[0].problems = table.problems
    return parts
