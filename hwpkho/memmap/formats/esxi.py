"""The memory map that VMware ESXi's boot loader logs.

Source: esx-boot (VMware's own repository), uefi/efiutils/memory.c (efi_log_memory_map) and
bios/com32/memory.c (get_e820_mmap): ``MMap[n]:`` are EFI descriptors, ``e820[n]:`` what a BIOS
gives; the length is decimal, the end inclusive; each line may appear twice, with ``<7>`` and
without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.late import late
from hwpkho.codes.memmap import PAGES_MISMATCH
from hwpkho.memmap import e820, efi, listings, numbered_entries
from hwpkho.memmap.formats.base import TableForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.patterns import begun
from hwpkho.memmap.tables import Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence

    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
_LINE = late(
    rf"(?<!\w)(?P<kind>MMap|e820)\[\s*(?P<index>[0-9]{{1,5}})\]:?\s*(?:0x)?(?P<a>{_HEX}{{1,16}})\s*-"
    rf"\s*(?:0x)?(?P<b>{_HEX}{{1,16}})[,\s(]+len\s*=\s*(?P<len>(?:0x)?{_HEX}{{1,16}})[,\s)]*"
    r"type\s*=\s*(?P<type>0x[0-9A-Fa-f]{1,8}|[0-9]{1,10})"
    r"(?:[,\s]*attr\s*=\s*(?P<attr>0x[0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{1,16}))?"
)
_BEGUN = late(r"(?<!\w)(?P<kind>MMap|e820)\[\s*(?P<index>[0-9]{0,5})")
_EXPECTED = "range, len, type and attr"

#: Extended attributes of an e820 entry that is to be used (ACPI specification, 15.1).
_ENABLED = 1


def _lengths(text: str) -> set[int]:
    """Return what a length may mean: without 0x it may be decimal, too."""
    return {int(text, 16), *([int(text)] if text.isdigit() else [])}


class Esxi(TableForm):
    """``MMap[0]: 0x0 - 0x9ffff len=655360, type=7, attr=0xf``."""

    name = "esxi"
    about = "VMware ESXi's boot log (boot loader, serial console): MMap lines, e820 of a BIOS"
    needles = (rb"- 0x", rb"-0x[0-9A-Fa-f]{1,16}+,? +len")
    unfinished = late(
        rf"(?<!\w)(?:{begun('MMap[')}|{begun('e820[')}|(?:MMap|e820)\[\s*[0-9]{{0,5}}\]?:?\s*"
        rf"(?:(?:0x)?{_HEX}{{0,16}}\s*-?\s*)?)$"
    )

    def __init__(self) -> None:
        self._tables = Tables()
        self._kind = ""
        self._seen: dict[int, Entry] = {}
        self._again: list[Entry] = []  # what was logged twice since the list's beginning
        self._unreadable: set[int] = set()
        #: Closed tables: their entries' numbers, unreadable ones, and how messages write a number.
        self._numbers: list[tuple[Table, list[int], set[int], Callable[[int], str]]] = []

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        match = _LINE.search(line)
        if match is None:
            found = _BEGUN.search(line)
            if found and found["kind"] in ("MMap", self._kind):
                self._damaged(number, line, int(found["index"] or -1))
            return False
        index, start, end = int(match["index"]), int(match["a"], 16), int(match["b"], 16)
        entry = _entry(match, start, end)
        if entry is None:
            if match["kind"] in ("MMap", self._kind):
                self._damaged(number, line, index, (start, end))
            return True
        if match["kind"] == self._kind and self._seen.get(index) == entry:
            self._logged_twice(index, entry)
            return True
        if index in self._seen or match["kind"] != self._kind:
            self._begin(number, index, match["kind"])
        lacking = not match["attr"] and ("attr" in line or self._tells_attributes())
        if self._kind == "MMap" and lacking:
            self._damaged(number, line, index, (start, end))
            return True
        self._seen[index] = entry
        if not self._tables.add("esxi", number, *entry):
            del self._seen[index]
            self._unreadable.add(index)
        elif end - start + 1 not in _lengths(match["len"]):
            message = f"0x{start:x}-0x{end:x} are not {match['len']} bytes"
            named = (start, max(end, min(PHYS_END, start + max(_lengths(match["len"]))) - 1))
            self._tables.lose("esxi", number, PAGES_MISMATCH, message, replaced=1, named=named)
        return True

    def _damaged(
        self, number: int, line: str, index: int, named: tuple[int, int] | None = None
    ) -> None:
        if index not in self._seen:  # the line's second copy is of no use, but does no harm
            self._unreadable.add(index)
            self._tables.damaged("esxi", number, line, _EXPECTED, named=named)

    def _tells_attributes(self) -> bool:
        last = self._tables.last("esxi")
        return last is not None and last.attributes.get("attr") is not None

    def _logged_twice(self, index: int, entry: Entry) -> None:
        """Keep an entry that is there already: it may belong to another list that begins alike."""
        if not index:
            self._again = []
        if index == len(self._again):
            self._again.append(entry)

    def _begin(self, number: int, index: int, kind: str) -> None:
        """Begin another list, with what the last one shares with it."""
        self._end()
        shared = self._again if kind == self._kind and index == len(self._again) else []
        self._kind, self._again, self._seen = kind, [], dict(enumerate(shared))
        for entry in shared:
            self._tables.add("esxi", number, *entry)

    def _end(self) -> None:
        """Close the list; what is missing in it is known only now."""
        table = self._tables.open("esxi")
        if table is not None:
            found = (table, list(self._seen), self._unreadable, f"{self._kind}[{{}}]".format)
            self._numbers.append(found)
        self._unreadable = set()
        self._tables.begin("esxi")

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`.

        A map with attribute 1 in all entries is e820: as an EFI map, all of it would be uncached.
        """
        self._end()
        found = self._tables.finish()
        for table, there, unreadable, named in self._numbers:
            where = f"line {table.line}: " if table.line else ""
            numbered_entries.lose_missing(table, there, named, where, unreadable=unreadable)
        for table in found:
            if table.entries and all(e.attributes.get("attr") == _ENABLED for e in table.entries):
                table.entries = [_as_e820(e) for e in table.entries]
            elif not any("xattr" in e.attributes for e in table.entries):
                listings.lose_overlaps((table,), ("esxi",))
        return found


def _entry(match: re.Match[str], start: int, end: int) -> Entry | None:
    """Return the entry, None where its type has more than 32 bits."""
    type_ = int(match["type"], 16 if match["type"][:2] in ("0x", "0X") else 10)
    if type_ > e820.MAX_TYPE:
        return None
    attr = int(match["attr"], 16) if match["attr"] else None
    if match["kind"] == "e820":
        return Entry(start, end, e820.type_name(type_), _extended(attr))
    return Entry(start, end, efi.type_name(type_), {"attr": attr})


def _extended(attr: int | None) -> dict[str, object]:
    return {} if attr is None else {"xattr": attr}


def _as_e820(entry: Entry) -> Entry:
    numbered = entry.type.removeprefix("type_")
    number = int(numbered) if numbered.isdecimal() else efi.TYPES.index(entry.type)
    return Entry(entry.start, entry.end, e820.type_name(number), _extended(_ENABLED))
