"""U-Boot's ``efidebug memmap``, ``efi mem`` and ``bdinfo``.

Source: cmd/efidebug.c (do_efi_show_memmap), since 2026 cmd/efi_common.c (efi_show_memmap), which
takes the type names of the UEFI specification: the end is one past the last byte, although it is
written like the EFI shell's; cmd/bdinfo.c (print_bi_dram), lib/lmb.c (lmb_dump_region: end
inclusive; older ones print base and size on lines of their own); include/lmb.h (flags).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes.memmap import PAGES_MISMATCH
from hwpkho.maps import efi
from hwpkho.maps.efi_words import attributes_of, type_of
from hwpkho.maps.forms.base import BARE_RANGE, LineForm
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables
from hwpkho.model.memmap import Entry
from hwpkho.pages import PHYS_END

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.maps.forms.base import RawMap

_HEX = r"[0-9A-Fa-f]"
_WORD = rf"(?:[A-Z_]{{2,9}}|(?:ISA=)?0x{_HEX}{{1,16}})"
#: Names in capitals or in full, no page count: by that it is told from the EFI shell's.
_EFI = lazily(
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
_BANK = lazily(rf"\bDRAM bank\s*=\s*0x(?P<index>{_HEX}{{1,16}})\b")
_BANK_FIELD = lazily(rf"->\s(?P<what>start|size)\s*=\s*0x(?P<value>{_HEX}{{1,16}})\b")
_REGION = lazily(
    rf"\b(?P<what>memory|reserved)\[(?P<index>\d{{1,6}})\]\s*"
    rf"\[0x(?P<a>{_HEX}{{1,16}})-0x(?P<b>{_HEX}{{1,16}})\],\s*0x(?P<size>{_HEX}{{1,16}})\s+bytes"
    r"(?:,?\s*flags:\s*(?P<flags>[^\r\n]{1,60}))?"
)
_OLD_BASE = lazily(
    rf"\b(?P<what>memory|reserved)\.reg\[0x(?P<index>{_HEX}{{1,6}})\]\.base\s*=\s*"
    rf"0x(?P<a>{_HEX}{{1,16}})"
)
_NUMBER = lazily(rf"{_HEX}{{1,8}}")
_OLD_SIZE = lazily(rf"(?<![\w\]])\.size\s*=\s*0x(?P<size>{_HEX}{{1,16}})")
_NAMES = {"memory": "uboot_dram", "reserved": "lmb_reserved"}
#: Below ``Type  Start  End  Attributes``; since 2026.10 the first column is wider.
_HEADING = lazily(r"={16} ={16} ={16} ={10}")
_BANNER = lazily(r"\bU-Boot (?:[A-Z]{3} )?(?P<version>20\d\d\.\d\d)\b")
#: From 2021.10 to 2024.10 flags are a number, and this is the only one (LMB_NOMAP).
_NO_MAP = 4
#: This version prints "none" for a no-map region and "no-map" for one not to be overwritten
#: (repaired by 23e7088dde1a, "lmb: use a different bit position for LMB_NOMAP").
_MISPRINTS = "2025.04"


class UBoot(LineForm):
    """``CONVENTIONAL     0000000040000000-000000004de27000 WB``; DRAM banks; lmb_dump_all."""

    name = "uboot"
    about = "U-Boot's efidebug memmap and bdinfo"
    triggers = (
        rb"= 0x[0-9A-Fa-f]{1,16}[ \t]*\n",
        rb"->\ss[it]",
        BARE_RANGE,
        rb"-0x[0-9A-Fa-f]{1,16}+\], 0x",
        rb"= ={16} ={16} ={10}",
    )
    separators = (rb"Boot (?:[A-Z]{3} )?20[0-9][0-9]\.[0-9]",)

    def __init__(self) -> None:
        self._tables = Tables()
        self._bank: int | None = None
        self._index = -1
        self._old: tuple[str, int] | None = None
        self._banks = False
        self._version = ""

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        self.more = False
        if self._old and (match := _OLD_SIZE.search(line)):
            what, start = self._old
            self._old = None
            self._region(number, what, start, start + int(match["size"], 16) - 1, None)
        elif match := _EFI.search(line):
            self._efi(number, line, match)
        elif "->" in line and (match := _BANK_FIELD.search(line)):
            self._bank_field(number, line, match)
        elif "bytes" in line and (match := _REGION.search(line)):
            self._lmb(number, match)
        elif ".reg[" in line and (match := _OLD_BASE.search(line)):
            if not int(match["index"], 16):
                self._tables.begin(_NAMES[match["what"]])
            self._old = (match["what"], int(match["a"], 16))
            self.more = True
        elif match := _BANK.search(line):
            self._bank_begins(int(match["index"], 16))
        elif _HEADING.search(line):
            self._tables.begin("efi", headed=True)
        elif match := _BANNER.search(line):
            self._version = match["version"]

    def _efi(self, number: int, line: str, match: re.Match[str]) -> None:
        if match["type"] not in _EFI_NAMES:
            return  # the EFI shell's, broken off
        type_ = type_of(match["type"])
        attr = _attributes((match["words"] or "").split("|"))
        if type_ is None or attr is None:
            self._tables.damaged(
                "efi", number, line, "type, range and attributes of efidebug memmap"
            )
            return
        start, past = int(match["a"], 16), int(match["b"], 16)
        end = (PHYS_END if start and not past else past) - 1
        self._tables.start_over("efi", number, start, end)
        self._tables.add("efi", number, start, end, type_, {"attr": attr})

    def _bank_begins(self, index: int) -> None:
        """Take the number of a bank; one that is not higher than the last begins another list."""
        if index <= self._index:
            self._banks = False
        self._index = index

    def _bank_field(self, number: int, line: str, match: re.Match[str]) -> None:
        value = int(match["value"], 16)
        if match["what"] == "start":
            self._bank = value
            return
        if self._bank is None:
            last = self._tables.last("uboot_dram")
            if last and last.end - last.start + 1 == value:
                return  # logged twice
            self._tables.damaged("uboot_dram", number, line, "the bank's start before its size")
            return
        start, self._bank = self._bank, None
        if not value:
            return  # a bank that is not fitted
        if not self._banks:
            self._banks = True
            self._tables.begin("uboot_dram")
        first, last = self._tables.first("uboot_dram"), self._tables.last("uboot_dram")
        if first and last is not first and start == first.start:
            self._tables.begin("uboot_dram")
        self._tables.add("uboot_dram", number, start, start + value - 1, "dram_bank")

    def _lmb(self, number: int, match: re.Match[str]) -> None:
        start, end = int(match["a"], 16), int(match["b"], 16)
        what, size = match["what"], int(match["size"], 16)
        if not int(match["index"]) and self._tables.last(_NAMES[what]) != Entry(
            start, end, *self._kind(what, match["flags"])
        ):
            self._forget(what)
        if self._region(number, what, start, end, match["flags"]) and end - start + 1 != size:
            message = f"0x{start:x}-0x{end:x} are not 0x{size:x} bytes"
            self._tables.odd(_NAMES[what], number, PAGES_MISMATCH, message, start)

    def _forget(self, what: str) -> None:
        if what == "reserved" or not self._banks:
            self._tables.begin(_NAMES[what])

    def _region(self, number: int, what: str, start: int, end: int, flags: str | None) -> bool:
        """Add a region; U-Boot's own list of memory only where no bank was printed."""
        if what == "memory" and self._banks:
            return False
        type_, attributes = self._kind(what, flags)
        return self._tables.add(_NAMES[what], number, start, end, type_, attributes)

    def _kind(self, what: str, flags: str | None) -> tuple[str, dict[str, object]]:
        """Return type and attributes; ``no-map`` is None where U-Boot does not tell."""
        if what == "memory":
            return "dram_bank", {"flags": flags.strip()} if flags else {}
        if not flags:
            return "lmb_reserved", {}
        words = flags.strip()
        no_map: bool | None = "no-map" in words
        if _NUMBER.fullmatch(words):
            no_map = bool(int(words, 16) & _NO_MAP)
        elif self._version == _MISPRINTS or words.endswith(", none"):
            no_map = None if "none" in words else False
        elif words.startswith("invalid"):
            no_map = None
        return "lmb_reserved", {"flags": words, "no-map": no_map}

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        return self._tables.finish()


def _attributes(words: list[str]) -> int | None:
    """Return the attribute word, None where these are none; bits without a word are numbers."""
    named = attributes_of([w for w in words if "0x" not in w])
    if named is None:
        return None
    for word in words:
        if "0x" in word:
            bits = int(word.removeprefix("ISA="), 16)
            if word.startswith("ISA="):
                bits <<= _ISA_SHIFT
                if bits & ~efi.ISA_MASK:
                    return None
            named |= bits
    return named
