"""FreeBSD's memory maps: ``SMAP`` of a BIOS boot, the EFI table of a verbose boot.

Source: sys/amd64/amd64/machdep.c (bios_add_smap_entries, print_efi_map_entry), sys/arm64/arm64
and sys/kern/subr_efi_map.c; sbin/sysctl/sysctl.c prints the same (sysctl machdep.smap and
machdep.efi_map). Ranges are given by start and length or number of 4 KiB pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.late import late
from hwpkho.codes.memmap_gaps import HEAD_LOST
from hwpkho.memmap import e820, efi, gaps, listings
from hwpkho.memmap.efi_names import attributes_of, begins_type, type_of
from hwpkho.memmap.formats.base import TableForm
from hwpkho.memmap.patterns import begun, mixed_case
from hwpkho.memmap.remnants import is_remnant
from hwpkho.memmap.tables import MAX_EFI_ENTRIES, Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
_SMAP = late(
    rf"SMAP type=(?P<type>{_HEX}{{1,8}}),?\s*(?:xattr=(?P<xattr>{_HEX}{{1,8}}),?\s*)?"
    rf"base=(?:0x)?(?P<base>{_HEX}{{1,16}}),?\s*len=(?:0x)?(?P<len>{_HEX}{{1,16}})(?!{_HEX})"
)
_SMAP_BEGUN = late(r"\bSMAP t|\bb?ase=(?:0x)?[0-9A-Fa-f]{8,16},?\s*len=")
_SMAP_BASE = late(rf"\bbase=(?:0x)?({_HEX}{{16}})\b")
_EFI = late(
    rf"(?<![\w.])(?P<type>[A-Z][A-Za-z]{{2,30}}|<INVALID>)\s+(?:0x)?(?P<a>{_HEX}{{1,16}})\s+"
    rf"(?:0x)?{_HEX}{{1,16}}\s+(?:0x)?(?P<pages>{_HEX}{{8,13}})(?P<words>(?:\s+[A-Z_]{{2,13}}\b)*)"
    rf"(?=\s*$|\s+[A-Z<][A-Za-z>]+\s+(?:0x)?{_HEX}{{8}})"  # another row where the line end is lost
)
_EFI_BEGUN = late(
    rf"(?<![\w.])[A-Z][A-Za-z]{{2,30}}\s+(?:0x)?0{_HEX}{{11,15}}(?:\s|$)"
    rf"|{_HEX}{{12,16}}\s+{_HEX}{{8,13}}(?!\w)"
)
#: What was a line of the EFI table: a type and the beginning of a number, or part of a type alone.
_EFI_LIKE = late(
    r"^[>|\s]*(?:(?P<type>[A-Z][A-Za-z]{2,30})\s+(?:0x)?[0-9A-Fa-fOolI]|(?P<part>[A-Za-z]+)\s*$)"
)
#: Digits of a physical address, at least (sys/arm64, sys/amd64, print_efi_map_entry()).
_DIGITS = 12
_SMAP_EXPECTED = "type, base and len"
_EFI_EXPECTED = "type, addresses, pages, attributes"
#: Other lines in a row after which a table has ended.
_PATIENCE = 3
#: In front of a row, by grep -n or cat -n; the rest of another row would end in attributes.
_LINE_NUMBER = late(r"\s*[1-9][0-9]{0,6}[:\s]\s*$")
_EFI_HEADER = late(r"\bType\s+Physical\s+Virtual\s+#Pages\s+Attr")


class FreeBsd(TableForm):
    """``SMAP type=01 base=0000000000000000 len=000000000009fc00``; the EFI table."""

    name = "freebsd"
    about = "FreeBSD's dmesg of a verbose boot (SMAP, EFI table), sysctl machdep.smap, .efi_map"
    needles = (rb"=(?<= base=|xattr=)", rb"#Pages")

    unfinished = late(
        rf"^[>|\s]*(?:{begun('SMAP type=')}(?:[0-9].{{0,60}})?"
        r"|[A-Z][A-Za-z]{0,30}(?:\s+[0-9a-fx ]*)?)\s*$"
    )

    def __init__(self) -> None:
        self._tables = Tables(MAX_EFI_ENTRIES)
        self._patience = 0
        self._smap_follows = 0
        self._digits = 0  # of the first address of the EFI table
        self._fragments = listings.Fragments(self.unfinished)

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        following = self._patience > 0
        self._smap_follows -= self._smap_follows > 0
        if _SMAP.search(line):
            for match in _SMAP.finditer(line):  # several where a copy has lost line ends
                self._smap(number, match)
        elif _SMAP_BEGUN.search(line):
            self._damaged_smap(number, line)
        elif _EFI_HEADER.search(line):
            self._tables.begin("freebsd_efi", headed=True)
            self._patience = _PATIENCE
        elif following:
            self._below(number, line)
        elif self._smap_follows:
            self._fragments.odd(number, line)
            if is_remnant(line):
                self._tables.suspect("freebsd_smap", number, line, _SMAP_EXPECTED)
        return self._patience > 0 or self._smap_follows > 0

    def _below(self, number: int, line: str) -> None:
        """Take a line below the header: an entry, the rest of its attributes, or something else."""
        words = line.strip("> \t").split()
        if _EFI.search(line):
            self._rows(number, line)
            self._patience = _PATIENCE
        elif words and (attr := attributes_of(words)) is not None:
            last = self._tables.last("freebsd_efi")
            before = last.attributes.get("attr") if last else None
            if isinstance(before, int) and before & attr:  # it has them: this is another row's end
                self._tables.suspect("freebsd_efi", number, line, _EFI_EXPECTED)
            elif isinstance(before, int):
                self._tables.amend("freebsd_efi", {"attr": before | attr})
        elif _EFI_BEGUN.search(line) or _is_like(line):
            self._tables.damaged("freebsd_efi", number, line, _EFI_EXPECTED)
            self._patience = _PATIENCE
        else:
            self._patience -= 1
            self._fragments.odd(number, line)
            if is_remnant(line):
                self._tables.suspect("freebsd_efi", number, line, _EFI_EXPECTED)

    def _rows(self, number: int, line: str) -> None:
        """Take a row, or several where a copy has lost line ends."""
        if found := self._fragments.row(number):
            self._tables.damaged("freebsd_efi", *found, _EFI_EXPECTED)
        at = 0
        for match in _EFI.finditer(line):
            torn, at = line[at : match.start()], match.end()
            if is_remnant(torn) and not _LINE_NUMBER.match(torn):
                self._tables.damaged("freebsd_efi", number, torn, _EFI_EXPECTED)
            self._efi(number, match)
        if is_remnant(line[at:]):
            self._tables.damaged("freebsd_efi", number, line[at:], _EFI_EXPECTED)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`."""
        super().cut_off(number, line)
        if _EFI.search(line):
            listings.lose_attributes(self._tables.open("freebsd_efi"), number)

    def _damaged_smap(self, number: int, line: str) -> None:
        base = _SMAP_BASE.search(line)
        named = (int(base[1], 16), int(base[1], 16)) if base else None
        self._tables.damaged("freebsd_smap", number, line, _SMAP_EXPECTED, named=named)
        self._smap_follows = _PATIENCE

    def _smap(self, number: int, match: re.Match[str]) -> None:
        start = int(match["base"], 16)
        digits = {len(match["base"]), len(match["len"])}
        cut = 16 in digits and len(digits) > 1
        cut = cut or (len(match["type"]) > 2 and match["type"].startswith("0"))
        if cut or mixed_case(match["base"]) or mixed_case(match["len"]):
            self._damaged_smap(number, match.string)
            return
        attributes: dict[str, object] = {}
        if match["xattr"]:
            attributes["xattr"] = int(match["xattr"], 16)
        end = start + int(match["len"], 16) - 1
        if found := self._fragments.row(number):
            self._damaged_smap(*found)
        self._tables.start_over("freebsd_smap", number, start, end)
        type_ = e820.type_name(int(match["type"], 16))
        self._tables.add("freebsd_smap", number, start, end, type_, attributes)
        self._smap_follows = _PATIENCE

    def _efi(self, number: int, match: re.Match[str]) -> None:
        invalid = match["type"] == "<INVALID>"  # a type that FreeBSD does not know
        type_ = "unknown" if invalid else type_of(match["type"])
        attr = attributes_of(match["words"].split())
        if self._tables.first("freebsd_efi") is None:
            self._digits = len(match["a"])
        lost = len(match["a"]) < _DIGITS <= self._digits
        more = len(match["a"]) > _DIGITS and match["a"].startswith("0") and self._digits == _DIGITS
        if type_ is None or attr is None or lost or more:
            self._tables.damaged("freebsd_efi", number, match[0], _EFI_EXPECTED)
            return
        start = int(match["a"], 16)
        end = start + int(match["pages"], 16) * efi.PAGE - 1
        self._tables.add("freebsd_efi", number, start, end, type_, {"attr": attr})

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        found = self._tables.finish()
        for table in found:
            if table.name == "freebsd_smap":
                table.arch = "x86_64"
                _lose_head(table)
        listings.lose_overlaps(found, ("freebsd_efi",))
        return found


def _lose_head(table: Table) -> None:
    """Record a lost head where the map does not have the first pages: every BIOS lists them."""
    if table.entries and min(e.start for e in table.entries) > gaps.LOWEST:
        message = f"line {table.line}: the map begins at 0x{table.entries[0].start:x}"
        gaps.lose(table, HEAD_LOST, message, at=0)


def _is_like(line: str) -> bool:
    match = _EFI_LIKE.search(line)
    if match is None:
        return False
    return begins_type(match["part"]) if match["part"] else type_of(match["type"]) is not None
