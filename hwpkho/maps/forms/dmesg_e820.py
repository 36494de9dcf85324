"""The e820 tables that an x86 Linux prints at boot, in all wordings since 2.2.

Source: arch/x86/kernel/e820.c, e820__print_table() and e820_print_type(); before 2.6.25
arch/i386/kernel/setup.c and arch/x86_64/kernel/e820.c, print_memory_map(). Up to 3.4 a range ends
one past its last byte and the type stands in parentheses; from 3.5 on the end is inclusive; from
7.0 on the types have longer names and ``[gap ...]`` lines say what nothing describes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.codes import problem
from hwpkho.codes.memmap import CUT, OUT_OF_ORDER
from hwpkho.maps import e820
from hwpkho.maps.forms.base import (
    LINUX_STARTS,
    LONG_RANGE,
    PLAIN_PREFIX,
    SPACED_RANGE,
    LineForm,
    RawMap,
)
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables
from hwpkho.model.memmap import Entry
from hwpkho.pages import PHYS_END

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Who the kernel says speaks → the map.
_MAPS = {
    "user": "e820_user",
    "modified": "e820_modified",
    "reserve setup_data": "e820_setup_data",
    "extended": "extended",  # e820_setup_data, too, unless that of "reserve setup_data" follows
    "Xen": "xen_dom0",
}
_EXTENDED_OR_NEXT = frozenset(("e820_firmware", "e820_setup_data", "extended"))
_ALL_MAPS = ("e820_firmware", *_MAPS.values())
_LINUX_STARTS = LINUX_STARTS.decode()
_WHO = r"(?P<who>BIOS-(?:e820|e801|88)|user|modified|reserve setup_data|extended|Xen)"

#: ``who: [mem A-B] ...``, ``who: A - B (...)``; the oldest kernels: ``who: size @ start (...)``.
_LINE = lazily(
    rf"(?<![\w.-]){_WHO}:\s*"
    r"(?:\[(?P<what>mem|gap)\s+0x(?P<a>[0-9A-Fa-f]{1,16})\s*-\s*0x(?P<b>[0-9A-Fa-f]{1,16})\]"
    r"|(?P<c>[0-9A-Fa-f]{8,16})\s+(?P<sign>[-@])\s+(?P<d>[0-9A-Fa-f]{8,16})(?![0-9A-Fa-f]))"
    r"\s*(?P<rest>.{0,120})"
)
#: The beginning of such a line, broken off at a blank by a mail program, or by the log's end.
_BEGUN = lazily(
    rf"(?<![\w.-]){_WHO}:\s*"
    r"(?:\[(?:mem|gap|$)[\s0-9A-Fa-fx-]*|[0-9A-Fa-f]{8,16}\s*[-@]?\s*[0-9A-Fa-f]*)?$"
)
_HEADER = lazily(r"\b(BIOS-provided|user-defined|modified|extended) physical RAM map:")
_HEADED = {
    "BIOS-provided": ("e820_firmware", "xen_dom0"),
    "user-defined": ("e820_user",),
    "modified": ("e820_modified",),
    "extended": ("e820_setup_data", "extended"),
}

_WORDS = {
    "usable": e820.RAM,
    "system ram": e820.RAM,
    "kernel usable ram": e820.RAM,  # while 7.0 was in the making
    "reserved": e820.RESERVED,
    "device reserved": e820.RESERVED,
    "acpi data": e820.ACPI,
    "acpi nvs": e820.NVS,
    "unusable": e820.UNUSABLE,
    "soft reserved": e820.SOFT_RESERVED,
}
_SIZE = r"(?:\d+(?:\.\d+)?\s*[KMGTPE]B\s+)?"  # a column that some kernels put before the type
_TYPE = lazily(
    rf"{_SIZE}\(?(?:(?P<word>{'|'.join(w.replace(' ', r'[ ]+') for w in _WORDS)})"
    r"|(?:persistent(?:\s+RAM)?\s+\()?type\s+(?P<number>\d{1,10}))(?!\w)",
    re.IGNORECASE,
)

#: Whole lines as kernels print them since 3.5, for :meth:`DmesgE820.run`.
_PLAIN_LINE = lazily(
    PLAIN_PREFIX + rb"(?P<who>BIOS-e820|user|modified|reserve setup_data|Xen): "
    rb"\[(?:mem 0x(?P<a>[0-9a-f]{16})-0x(?P<b>[0-9a-f]{16})\]  ?(?P<type>usable|reserved|ACPI data"
    rb"|ACPI NVS|unusable|soft reserved|System RAM|device reserved|type [0-9]{1,10}"
    rb"|persistent (?:RAM )?\(type [0-9]{1,10}\))|gap 0x[0-9a-f]{16}-0x[0-9a-f]{16}\])\n"
)

_MAYBE = (
    "BIOS-", "user:", "modified:", "setup_data:", "extended:", "Xen:", "RAM map", "Linux version ",
)  # fmt: skip
#: What a type may begin with where the line was broken within it.
_STARTS = (*_WORDS, "type ", "persistent (type ", "persistent ram (type ")

#: So many lines below a header, or a broken line, are looked at before the table counts as ended.
_PATIENCE = 3

_EXPECTED = "[mem 0x...-0x...] and a type of memory"


def map_of(who: str) -> str:
    """Return the map name of a speaker."""
    return _MAPS.get(who, "e820_firmware")


class DmesgE820(LineForm):
    """``BIOS-e820: [mem 0x...-0x...] usable`` and its kin."""

    name = "dmesg-e820"
    about = "x86 kernel log (dmesg, journal, syslog, serial console): BIOS-e820 lines, 2.2 to 7.x"
    triggers = (
        rb"-e8[20][01][: ]",
        rb"-88[: ]",
        b"-provided[: ]",
        b"-defined[: ]",
        LONG_RANGE,
        SPACED_RANGE,
    )
    separators = (LINUX_STARTS,)

    def __init__(self) -> None:
        self._tables = Tables()
        self._broken: tuple[int, str, str] | None = None  # line number, map, text so far
        self._patience = 0
        #: Of tables, by identity: (number of entries, line) where addresses go down.
        self._descents: dict[int, list[tuple[int, int]]] = {}

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        if self._broken and self._joined(line):
            pass
        elif not (self._patience or any(word in line for word in _MAYBE)):
            return
        elif match := _LINE.search(line):
            self._entries(number, line, match)
        elif header := _HEADER.search(line):
            for name in _HEADED[header[1]]:
                self._tables.begin(name)
            self._patience = _PATIENCE
        elif _LINUX_STARTS in line:
            for name in _ALL_MAPS:
                self._tables.begin(name)
        elif begun := _BEGUN.search(line):
            self._break(number, map_of(begun["who"]), line)
        elif self._patience:
            self._patience -= 1
        self.more = self._patience > 0

    def run(self, block: bytes, start: int) -> int:
        """See :meth:`LineForm.run`: an ascending list, after its first line."""
        match = _PLAIN_LINE.match(block, start)
        if match is None or self._broken:
            return start
        who = match["who"]
        name = map_of(who.decode())
        before = self._tables.last(name)
        if before is None:
            return start
        entries = []
        end = start
        while match and match["who"] == who:
            _, a, b, text = match.groups()
            if text:
                type_ = _type_of(text.decode())
                first, last = int(a, 16), int(b, 16)
                if type_ is None or not before.end < first <= last:
                    break
                before = Entry(first, last, type_)
                entries.append(before)
            end = match.end()
            match = _PLAIN_LINE.match(block, end)
        if end == start or not self._tables.extend(name, entries):
            return start
        self._patience = _PATIENCE
        self.more = True
        return end

    def _break(self, number: int, name: str, line: str) -> None:
        """Keep the beginning of a broken line; one broken before is given up."""
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
        if _LINE.search(line) or _HEADER.search(line):
            self._give_up()
            return False
        match = _LINE.search(f"{text} {rest}")
        if match is None:
            self._give_up()
            return False
        self._entry(number, f"{text} {rest}", match)
        return True

    def _give_up(self) -> None:
        """Report a broken line that nothing completed, if it was one of a table at all."""
        if self._broken:
            number, name, text = self._broken
            self._broken = None
            if "BIOS-" in text or self._tables.last(name):
                self._tables.damaged(name, number, text, _EXPECTED)

    def _entries(self, number: int, line: str, first: re.Match[str]) -> None:
        """Take all entries of a line: a copy may have lost its line ends."""
        match: re.Match[str] | None = first
        while match:
            self._entry(number, line, match)
            match = None if self._broken else _LINE.search(line, match.start("rest"))

    def _entry(self, number: int, line: str, match: re.Match[str]) -> None:
        self._broken = None
        if match["what"] == "gap":
            self._patience = _PATIENCE
            return
        name = map_of(match["who"])
        rest = match["rest"].strip()
        type_ = _type_of(rest)
        if type_ is None:
            if any(word.startswith(rest.lower().lstrip("(")) for word in _STARTS):
                self._break(number, name, line)
            else:
                self._tables.damaged(name, number, line, _EXPECTED)
            return
        start, end = _bounds(match)
        first, last = self._tables.first(name), self._tables.last(name)
        if first and last and start == first.start < last.start:
            self._tables.begin(name)  # the list starts anew: another boot
        elif last and start < last.start:
            table = self._tables.table(name, number)
            self._descents.setdefault(id(table), []).append((len(table.entries), number))
        self._tables.add(name, number, start, end, type_)
        self._patience = _PATIENCE

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        if self._broken:
            number, name, _ = self._broken
            self._broken = None
            if self._tables.last(name):
                self._tables.odd(name, number, CUT, "the log ends within this line")
        found: list[RawMap] = []
        for table in _one_extended(self._tables.finish()):
            table.arch = "x86_64"
            descents = self._descents.get(id(table), ())
            if descents and _overlapping(table.entries):
                found += _split(table, descents)
                continue
            if descents:
                message = f"line {table.line}: {table.name} is not in ascending order"
                table.problems.append(problem(OUT_OF_ORDER, message))
            found.append(table)
        return found


def _one_extended(tables: Sequence[RawMap]) -> list[RawMap]:
    """Return the tables; of a boot's two headed "extended" only the second, which knows more.

    The first is e820__memory_setup_extended()'s, after a 128th entry, the second
    e820__reserve_setup_data()'s.
    """
    kept: list[RawMap] = []
    following = ""
    for table in reversed(tables):
        name = table.name
        if name == "extended":
            table.name = "e820_setup_data"
        if name != "extended" or following != "e820_setup_data":
            kept.append(table)
        if name in _EXTENDED_OR_NEXT:
            following = name
    return kept[::-1]


def _overlapping(entries: Sequence[Entry]) -> bool:
    ordered = sorted(entries, key=lambda e: e.start)
    return any(a.end >= b.start for a, b in pairwise(ordered))


def _split(table: RawMap, descents: Sequence[tuple[int, int]]) -> list[RawMap]:
    """Return the lists of several boots whose headers are gone: what grep leaves of a log.

    One list has no overlaps, whatever its order; these lists have, and each of them ascends.
    """
    cuts = [(0, table.line), *descents, (len(table.entries), None)]
    parts = [
        RawMap(table.name, table.entries[at:until], arch=table.arch, line=line)
        for (at, line), (until, _) in pairwise(cuts)
    ]
    parts[0].problems = table.problems
    return parts


@lru_cache(maxsize=256)
def _type_of(text: str) -> str | None:
    match = _TYPE.match(text)
    if match is None:
        return None
    if match["word"]:
        return e820.type_name(_WORDS[" ".join(match["word"].lower().split())])
    return e820.type_name(int(match["number"]))


def _bounds(match: re.Match[str]) -> tuple[int, int]:
    """Return first and last byte of a matched line."""
    if match["what"]:
        return int(match["a"], 16), int(match["b"], 16)
    left, right = int(match["c"], 16), int(match["d"], 16)
    if match["sign"] == "@":
        return right, right + left - 1
    if not right and left:
        right = PHYS_END  # the kernel's sum has wrapped around
    return left, right - 1


_TEXT_WORDS = {
    "usable": "usable",
    "reserved": "reserved",
    "acpi_data": "ACPI data",
    "acpi_nvs": "ACPI NVS",
    "unusable": "unusable",
    "pmem": "persistent (type 7)",
    "pram": "persistent (type 12)",
    "soft_reserved": "soft reserved",
}


def write(entries: Iterable[Entry]) -> str:
    """Return e820 entries as a 3.5 to 6.19 kernel prints them, header first.

    Types are those of hwpkho.memmap/1; ``unknown``, which has no number, raises KeyError.
    """
    lines = ["BIOS-provided physical RAM map:\n"]
    for entry in entries:
        word = _TEXT_WORDS.get(entry.type)
        if word is None:
            number = e820.type_number(entry.type)
            if number is None or entry.type == "unknown":
                raise KeyError(entry.type)
            word = f"type {number}"
        lines.append(f"BIOS-e820: [mem 0x{entry.start:016x}-0x{entry.end:016x}] {word}\n")
    return "".join(lines)
