"""U-Boot's ``efidebug memmap``, ``efi mem`` and ``bdinfo``.

Source: cmd/efidebug.c (do_efi_show_memmap), since 2026 cmd/efi_common.c (efi_show_memmap), which
takes the type names of the UEFI specification: the end is one past the last byte, although it is
written like the EFI shell's; cmd/bdinfo.c (print_bi_dram), lib/lmb.c (lmb_dump_region: end
inclusive; older ones print base and size on lines of their own); include/lmb.h (flags).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.late import late
from hwpkho.memmap import efi, listings
from hwpkho.memmap.efi_names import attributes_of, begins_type, type_of
from hwpkho.memmap.formats.base import FULL_RANGE, TableForm
from hwpkho.memmap.formats.uboot_banks import Banks
from hwpkho.memmap.patterns import begun, mixed_case
from hwpkho.memmap.remnants import is_remnant
from hwpkho.memmap.tables import MAX_EFI_ENTRIES, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
_WORD = rf"(?:[A-Z_]{{2,9}}|(?:ISA=)?0x{_HEX}{{1,16}})"
#: Names in capitals or in full and no page count: so it differs from the EFI shell's.
_EFI = late(
    r"(?<![\w.])(?P<type>[A-Z][A-Z ]{1,16}?|[A-Z][A-Za-z]{6,22}|\(unknown\))\s+"
    rf"(?P<a>{_HEX}{{16}})-(?P<b>{_HEX}{{16}})"
    rf"(?:[ \t]+(?P<words>{_WORD}(?:\|{_WORD})*))?\s*$"
)
_EFI_NAMES = frozenset(
    ("RESERVED", "LOADER CODE", "LOADER DATA", "BOOT CODE", "BOOT DATA", "RUNTIME CODE",
     "RUNTIME DATA", "CONVENTIONAL", "UNUSABLE MEM", "ACPI RECLAIM MEM", "ACPI NVS MEM", "IO",
     "IO PORT", "PAL", "PERSISTENT", "(unknown)",
     "ReservedMemory", "LoaderCode", "LoaderData", "BootServicesCode", "BootServicesData",
     "RuntimeServicesCode", "RuntimeServicesData", "ConventionalMemory", "UnusableMemory",
     "ACPIReclaimMemory", "ACPIMemoryNVS", "MemoryMappedIO", "MemoryMappedIOPortSpace", "PalCode",
     "PersistentMemory", "UnacceptedMemory")
)  # fmt: skip
#: Where the attribute word holds the instruction set architecture's own bits.
_ISA_SHIFT = (efi.ISA_MASK & -efi.ISA_MASK).bit_length() - 1
#: Below ``Type  Start  End  Attributes``; since 2026.10 the first column is wider.
_HEADING = late(r"={16} ={16} ={16} ={10}")
_BANNER = late(r"\bU-Boot (?:[A-Z]{3} )?(?P<version>20[0-9][0-9]\.[0-9][0-9])\b")
#: A damaged line of the table: a type and the start of a number, or a range.
_LIKE = late(
    rf"^[>|\s]*(?P<type>[A-Z][A-Za-z]+(?: [A-Z]+)*)(?:\s+[0-9A-FOolI]\S*.*|\s*)$"
    rf"|{_HEX}{{6,16}}-{_HEX}{{4,16}}(?!\S)",
    re.IGNORECASE,
)
_START = late(rf"(?<!\S)({_HEX}{{16}})-")
#: Other lines in a row after which a table has ended.
_PATIENCE = 2
_EXPECTED = "type, range and attributes of efidebug memmap"


class UBoot(TableForm):
    """``CONVENTIONAL     0000000040000000-000000004de27000 WB``; DRAM banks; lmb_dump_all."""

    name = "uboot"
    about = "U-Boot's efidebug memmap and bdinfo"
    needles = (
        FULL_RANGE,
        rb"-0x[0-9A-Fa-f]{1,16}+\], 0x",
        rb"->\ss[it]",
        rb"= 0x[0-9A-Fa-f]{1,16}(?:[ \t]*\n| . max)",
        rb"= ={16} ={16} ={10}",
        rb"-Boot (?:[A-Z]{3} )?20[0-9][0-9]\.[0-9]",
    )
    unfinished = late(
        rf"^[>|\s]*(?:[A-Z][A-Z ]{{0,15}}|[A-Z][A-Za-z]{{3,22}}|{begun('DRAM bank   = 0x')})$"
    )

    def __init__(self) -> None:
        self._tables = Tables(MAX_EFI_ENTRIES)
        self._banks = Banks(self._tables)
        self._patience = 0
        self._fragments = listings.Fragments(self.unfinished)

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        following, more = self._patience > 0, False
        if match := _EFI.search(line):
            self._efi(number, line, match)
        elif _HEADING.search(line):
            self._tables.begin("efi", headed=True)
            self._patience = _PATIENCE
        elif "U-Boot" in line and (match := _BANNER.search(line)):
            self._banks.version = match["version"]
        elif following and (self._is_like(line) or _is_row_end(line)):
            self._damaged(number, line)
        else:
            if following and line.strip(" >|\t"):
                self._patience -= 1
                self._fragments.odd(number, line)
                if is_remnant(line) or _attributes(line.strip("> |\t").split("|")):
                    self._tables.suspect("efi", number, line, _EXPECTED)
            more = self._banks.feed(number, line)
        return more or self._patience > 0

    def _efi(self, number: int, line: str, match: re.Match[str]) -> None:
        if match["type"] not in _EFI_NAMES:
            if self._patience:
                self._damaged(number, line)
            return  # the EFI shell's, broken off
        type_ = type_of(match["type"])
        attr = _attributes((match["words"] or "").split("|"))
        self._patience = _PATIENCE
        if found := self._fragments.row(number):
            self._damaged(*found)
        if type_ is None or attr is None or mixed_case(match["a"]) or mixed_case(match["b"]):
            self._damaged(number, line)
            return
        start, past = int(match["a"], 16), int(match["b"], 16)
        end = (PHYS_END if start and not past else past) - 1
        self._tables.start_over("efi", number, start, end)
        self._tables.add("efi", number, start, end, type_, {"attr": attr})

    def _is_like(self, line: str) -> bool:
        """Tell whether a line below one of the table is a damaged one."""
        match = None if " : " in line else _LIKE.search(line)
        if match is None or not match["type"]:
            return match is not None
        return match["type"] in _EFI_NAMES or begins_type(match["type"])

    def _damaged(self, number: int, line: str) -> None:
        self._patience = _PATIENCE
        start = _START.search(line)
        named = (int(start[1], 16), int(start[1], 16)) if start else None
        self._tables.damaged("efi", number, line, _EXPECTED, named=named)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`."""
        self._banks.close_banks()
        super().cut_off(number, line)
        if _EFI.search(line):
            listings.lose_attributes(self._tables.open("efi"), number)

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        self._banks.finish()
        found = self._tables.finish()
        listings.lose_overlaps(found, ("efi", "uboot_dram"))
        return found


def _is_row_end(line: str) -> bool:
    """Tell whether only the end of the range and the attributes are left of a line."""
    words = line.strip("> |\t-").split()
    number = len(words) == 2 and re.fullmatch(rf"{_HEX}{{4,16}}", words[0])
    return bool(number and _attributes(words[1].split("|")))


def _attributes(words: list[str]) -> int | None:
    """Return the attribute word, None for unknown words; bits without a name are numbers."""
    named = attributes_of([w for w in words if "0x" not in w])
    if named is None:
        return None
    for word in words:
        if "0x" in word:
            if not re.fullmatch(_WORD, word):
                return None
            bits = int(word.removeprefix("ISA="), 16)
            if word.startswith("ISA="):
                bits <<= _ISA_SHIFT
                if bits & ~efi.ISA_MASK:
                    return None
            named |= bits
    return named
