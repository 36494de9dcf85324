"""The memory map that VMware ESXi's boot loader logs.

Source: esx-boot (VMware's own repository), uefi/efiutils/memory.c (efi_log_memory_map) and
bios/com32/memory.c (get_e820_mmap): ``MMap[n]:`` are EFI descriptors, ``e820[n]:`` what a BIOS
gives; the length is decimal, the end inclusive; each line may stand twice, with ``<7>`` and
without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes.memmap import LOST_LINES, PAGES_MISMATCH
from hwpkho.maps import e820, efi
from hwpkho.maps.forms.base import LineForm
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables
from hwpkho.model.memmap import Entry

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.maps.forms.base import RawMap

_HEX = r"[0-9A-Fa-f]"
_LINE = lazily(
    rf"(?<!\w)(?P<kind>MMap|e820)\[\s*(?P<index>\d{{1,5}})\]:?\s*(?:0x)?(?P<a>{_HEX}{{1,16}})\s*-"
    rf"\s*(?:0x)?(?P<b>{_HEX}{{1,16}})[,\s(]+len\s*=\s*(?P<len>(?:0x)?{_HEX}{{1,16}})[,\s)]*"
    r"type\s*=\s*(?P<type>0x[0-9A-Fa-f]{1,8}|\d{1,10})"
    r"(?:[,\s]*attr\s*=\s*(?P<attr>0x[0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{1,16}))?"
)
_BEGUN = lazily(r"\bMMap\[\s*\d{1,5}\]")

#: Extended attributes of an e820 entry that is to be used (ACPI specification, 15.1).
_ENABLED = 1


def _lengths(text: str) -> set[int]:
    """Return what a length may mean: without 0x it may be decimal, too."""
    return {int(text, 16), *([int(text)] if text.isdigit() else [])}


class Esxi(LineForm):
    """``MMap[0]: 0x0 - 0x9ffff len=655360, type=7, attr=0xf``."""

    name = "esxi"
    about = "VMware ESXi's boot log (boot loader, serial console): MMap lines, e820 of a BIOS"
    triggers = (rb"- 0x", rb"-0x[0-9A-Fa-f]{1,16}+,? +len")

    def __init__(self) -> None:
        self._tables = Tables()
        self._kind = ""
        self._seen: dict[int, Entry] = {}
        self._again: list[Entry] = []  # what was logged twice since the list's beginning

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        match = _LINE.search(line)
        if match is None:
            if _BEGUN.search(line):
                self._tables.damaged("esxi", number, line, "range, len, type and attr")
            return
        index, start, end = int(match["index"]), int(match["a"], 16), int(match["b"], 16)
        entry = _entry(match, start, end)
        if match["kind"] == self._kind and self._seen.get(index) == entry:
            self._logged_twice(index, entry)
            return
        if index in self._seen or match["kind"] != self._kind:
            self._begin(number, index, match["kind"])
        self._seen[index] = entry
        taken = self._tables.add("esxi", number, *entry)
        if taken and end - start + 1 not in _lengths(match["len"]):
            message = f"0x{start:x}-0x{end:x} are not {match['len']} bytes"
            self._tables.odd("esxi", number, PAGES_MISMATCH, message, start)
        if index and index - 1 not in self._seen and len(self._seen) == 1:
            self._tables.odd(
                "esxi", number, LOST_LINES, f"the list begins with {self._kind}[{index}]"
            )

    def _logged_twice(self, index: int, entry: Entry) -> None:
        """Keep an entry that is there already: it may belong to another list that begins alike."""
        if not index:
            self._again = []
        if index == len(self._again):
            self._again.append(entry)

    def _begin(self, number: int, index: int, kind: str) -> None:
        """Begin another list, with what the last one shares with it."""
        self._tables.begin("esxi")
        shared = self._again if kind == self._kind and index == len(self._again) else []
        self._kind, self._again, self._seen = kind, [], dict(enumerate(shared))
        for entry in shared:
            self._tables.add("esxi", number, *entry)

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`.

        No EFI map has nothing but attribute 1, which would be uncached memory: that is e820.
        """
        found = self._tables.finish()
        for table in found:
            if table.entries and all(e.attributes.get("attr") == _ENABLED for e in table.entries):
                table.entries = [_as_e820(e) for e in table.entries]
        return found


def _entry(match: re.Match[str], start: int, end: int) -> Entry:
    type_ = int(match["type"], 0)
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
