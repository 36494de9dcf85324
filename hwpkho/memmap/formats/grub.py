"""GRUB's ``lsefimmap`` and ``lsmmap``.

Source: grub-core/commands/efi/lsefimmap.c (end inclusive, 4 KiB pages, attribute words) and
grub-core/commands/lsmmap.c (base and length; up to 1.98 only the type number). On EFI lsmmap has
boot services folded into available RAM already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.codes.memmap import DAMAGED, PAGES_MISMATCH
from hwpkho.memmap import e820, efi, gaps, listings
from hwpkho.memmap.efi_names import attributes_of, begins_type, type_of
from hwpkho.memmap.formats.base import FULL_RANGE, TableForm
from hwpkho.memmap.patterns import begun
from hwpkho.memmap.remnants import is_remnant
from hwpkho.memmap.tables import MAX_EFI_ENTRIES, Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
_EFI = late(
    rf"(?<![\w.-])(?P<type>[A-Za-z][A-Za-z-]{{2,11}}|Unk {_HEX}{{2,8}})\s+"
    rf"(?P<a>{_HEX}{{16}})-(?P<b>{_HEX}{{16}})\s+(?P<pages>{_HEX}{{8,16}})\s+"
    r"(?P<size>[0-9]{1,12})\s?(?P<unit>[KMGTPE]iB|B)(?P<words>(?:\s+[A-Za-z]{2,3}\b)*)"
)
_MMAP = late(
    rf"base_addr = 0x(?P<a>{_HEX}{{1,16}}), length = 0x(?P<length>{_HEX}{{1,16}}),\s*"
    rf"(?:type = 0x(?P<number>{_HEX}{{1,8}})|(?P<word>[A-Za-z][A-Za-z() -]{{2,40}}))"
)
#: Behind the attributes: one that has lost or wrong letters, and perhaps others behind it.
_HALF_WORD = late(r"\s++(?:(?=\S*[A-Za-z])\S{1,3}\s*$|.*\s(?:RT|UC|WC|WT|WB)\b)")
_EFI_HEADING = late(r"\bend\s+#Pages\b|#Pages\s+Size\b")
_MMAP_BEGUN = late(r"\bbase_addr\s*=|\blength = 0x[0-9A-Fa-f]+, ")
#: A damaged line of lsefimmap: a type and the start of a number, or a range.
_EFI_LIKE = late(
    r"^[>|\s]*(?P<type>[A-Za-z][A-Za-z-]{2,11})(?:\s+[0-9A-Fa-foOlI]\S*.*|\s*)$"
    rf"|{_HEX}{{6,16}}-{_HEX}{{4,16}}(?!\S)"
)
_EFI_REST = late(r"\b(?:RT|UC|WC|WT|WB)\s*$")
_EFI_START = late(rf"(?<!\S)({_HEX}{{16}})-")
_MMAP_START = late(rf"\bbase_addr = 0x({_HEX}{{1,16}}),")
_UNITS = {"B": 1, **{f"{letter}iB": 1 << 10 * (i + 1) for i, letter in enumerate("KMGTPE")}}
_EFI_EXPECTED = "type, range, pages, size and attributes"
_MMAP_EXPECTED = "base_addr, length and type"
#: Other lines in a row after which a table has ended.
_PATIENCE = 2
_WORDS = {
    "available RAM": e820.RAM,
    "reserved RAM": e820.RESERVED,
    "ACPI reclaimable RAM": e820.ACPI,
    "ACPI non-volatile storage RAM": e820.NVS,
    "faulty RAM (BadRAM)": e820.UNUSABLE,
    "persistent RAM": e820.PMEM,
    "persistent RAM (legacy)": e820.PRAM,
    "RAM holding coreboot tables": 16,
    "RAM holding firmware code": 20,
}


class Grub(TableForm):
    """``conv-mem  0000000000000000-000000000009ffff 000000a0    640KiB UC WC WT WB`` and lsmmap."""

    name = "grub"
    about = "GRUB's lsefimmap and lsmmap, typed off or captured from a serial console"
    needles = (FULL_RANGE, rb"= 0x[0-9A-Fa-f]{1,16}+, [lafptAR]", rb"#Pages")
    unfinished = late(
        rf"^[>|\s]*(?:[A-Za-z][A-Za-z-]{{0,10}}|{begun('base_addr = 0x')}"
        rf"|base_addr = 0x{_HEX}{{1,16}},?[a-z =0]*)\s*$"
    )

    def __init__(self) -> None:
        self._tables = Tables(MAX_EFI_ENTRIES)
        self._attributes: dict[int, dict[str, object]] = {}
        self._words = False  # whether the line before is an entry whose attributes may go on
        self._patience = 0
        self._last = ""  # the table of the line before
        self._fragments = listings.Fragments(self.unfinished)

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        words, self._words = self._words, False
        if words and self._completed(line):
            self._words = True
            return True
        following, before = self._patience > 0, self._patience
        self._patience = _PATIENCE
        if match := _EFI.search(line):
            self._above(number)
            self._efi(number, line, match)
        elif "base_addr" in line and (match := _MMAP.search(line)):
            self._above(number)
            self._mmap(number, line, match)
            rest = line[match.end() :]
            if _is_mmap_rest(rest) or _MMAP_BEGUN.search(rest):  # a copy may have lost line ends
                self._damaged("grub_mmap", number, rest)
        elif "#Pages" in line and _EFI_HEADING.search(line):
            self._tables.begin("grub_efi", headed=True)
            self._last = "grub_efi"
        elif (("base_addr" in line or "length" in line) and _MMAP_BEGUN.search(line)) or (
            following
            and self._last == "grub_mmap"
            and (_is_mmap_rest(line) or line.rstrip().endswith(" RAM"))
        ):
            self._damaged("grub_mmap", number, line)
        elif following and self._last == "grub_efi" and self._is_like(line):
            self._damaged("grub_efi", number, line)
        else:
            self._patience = max(0, before - bool(line.strip(" >|\t")))
            if following:
                self._fragments.odd(number, line)
                if self._last == "grub_efi" and (is_remnant(line) or _EFI_REST.search(line)):
                    self._tables.suspect("grub_efi", number, line, _EFI_EXPECTED)
        return self._words or self._patience > 0

    def _above(self, number: int) -> None:
        if (found := self._fragments.row(number)) and self._last:
            self._damaged(self._last, *found)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`."""
        super().cut_off(number, line)
        if _EFI.search(line):
            listings.lose_attributes(self._tables.open("grub_efi"), number)

    def _look_above(self, line: str) -> None:
        """Look for a damaged line above the first one of lsmmap, which has no heading."""
        table = self._tables.open("grub_mmap")
        for number, text in self.above()[:1]:
            both = f"{text} {line}"
            if table is not None and (both.count("base_addr") > 1 or _is_mmap_rest(text)):
                shown = printable(both[: both.rindex("base_addr")].strip()[-80:])
                message = f'line {number}: "{shown}": expected {_MMAP_EXPECTED}'
                gaps.lose(table, DAMAGED, message, at=0)

    def _is_like(self, line: str) -> bool:
        """Tell whether a line below one of lsefimmap is a damaged one."""
        match = None if " : " in line else _EFI_LIKE.search(line)
        if match is None or not match["type"]:
            return match is not None
        return type_of(match["type"]) is not None or begins_type(match["type"])

    def _damaged(self, name: str, number: int, line: str) -> None:
        efi_map = name == "grub_efi"
        start = (_EFI_START if efi_map else _MMAP_START).search(line)
        named = (int(start[1], 16), int(start[1], 16)) if start else None
        expected = _EFI_EXPECTED if efi_map else _MMAP_EXPECTED
        self._tables.damaged(name, number, line, expected, named=named)
        self._last = name

    def _completed(self, line: str) -> bool:
        """Tell whether ``line`` holds the last attributes of the entry above, broken off."""
        words = line.strip("> \t").split()
        if not words:
            return True
        attr = attributes_of(words)
        last = self._tables.last("grub_efi")
        before = last.attributes.get("attr") if last else None
        if attr is None or not isinstance(before, int) or before & attr:
            return False  # an entry that has them already is whole: this is what is left of another
        self._tables.amend("grub_efi", {"attr": before | attr})
        return True

    def _efi(self, number: int, line: str, match: re.Match[str]) -> None:
        name = match["type"]
        type_ = efi.type_name(int(name[4:], 16)) if name.startswith("Unk ") else type_of(name)
        attr = attributes_of(match["words"].split())
        if type_ is None or attr is None or _HALF_WORD.match(line, match.end()):
            self._damaged("grub_efi", number, line)
            return
        start, end = int(match["a"], 16), int(match["b"], 16)
        self._tables.start_over("grub_efi", number, start, end)
        attributes = self._attributes.setdefault(attr, {"attr": attr})
        self._last, self._words = "grub_efi", True
        if not self._tables.add("grub_efi", number, start, end, type_, attributes):
            return
        pages, size = int(match["pages"], 16), int(match["size"]) * _UNITS[match["unit"]]
        named = (start, max(end, min(start + max(pages * efi.PAGE, size), PHYS_END) - 1))
        if end - start + 1 != pages * efi.PAGE:
            message = f"0x{start:x}-0x{end:x} are not 0x{pages:x} pages"
            self._tables.lose("grub_efi", number, PAGES_MISMATCH, message, replaced=1, named=named)
        elif size != pages * efi.PAGE:
            message = f"0x{pages:x} pages are not {match['size']}{match['unit']}"
            self._tables.lose("grub_efi", number, PAGES_MISMATCH, message, replaced=1, named=named)

    def _mmap(self, number: int, line: str, match: re.Match[str]) -> None:
        if match["number"]:
            type_ = int(match["number"], 16)
        else:
            word = match["word"].strip()
            known = _WORDS.get(word)
            if known is None:
                self._damaged("grub_mmap", number, line)
                return
            type_ = known
        start = int(match["a"], 16)
        end = start + int(match["length"], 16) - 1
        self._tables.start_over("grub_mmap", number, start, end)
        begins = self._tables.first("grub_mmap") is None and self._last != "grub_mmap"
        self._tables.add("grub_mmap", number, start, end, e820.type_name(type_))
        self._last = "grub_mmap"
        if begins:
            self._look_above(line)

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        found = self._tables.finish()
        listings.lose_overlaps(found, ("grub_efi", "grub_mmap"))
        return found


def _is_mmap_rest(line: str) -> bool:
    """Tell whether ``line`` is the end of a line of lsmmap."""
    text = line.strip("> |\t")
    return any(text.endswith(word) or (len(text) > 2 and word.endswith(text)) for word in _WORDS)
