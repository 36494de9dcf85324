"""GRUB's ``lsefimmap`` and ``lsmmap``.

Source: grub-core/commands/efi/lsefimmap.c (end inclusive, 4 KiB pages, attribute words) and
grub-core/commands/lsmmap.c (base and length; up to 1.98 only the type number). On EFI lsmmap has
boot services folded into available RAM already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes.memmap import PAGES_MISMATCH
from hwpkho.maps import e820, efi
from hwpkho.maps.efi_words import attributes_of, type_of
from hwpkho.maps.forms.base import BARE_RANGE, LineForm
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.maps.forms.base import RawMap

_HEX = r"[0-9A-Fa-f]"
_EFI = lazily(
    rf"(?<![\w.-])(?P<type>[A-Za-z][A-Za-z-]{{2,11}}|Unk {_HEX}{{2,8}})\s+"
    rf"(?P<a>{_HEX}{{16}})-(?P<b>{_HEX}{{16}})\s+(?P<pages>{_HEX}{{8,16}})\s+"
    r"\d{1,12}\s?(?:[KMGTPE]iB|B)(?P<words>(?:\s+[A-Za-z]{2,3}\b)*)"
)
_MMAP = lazily(
    rf"base_addr = 0x(?P<a>{_HEX}{{1,16}}), length = 0x(?P<length>{_HEX}{{1,16}}),\s*"
    rf"(?:type = 0x(?P<number>{_HEX}{{1,8}})|(?P<word>[A-Za-z][A-Za-z() -]{{2,40}}))"
)
_EFI_HEADING = lazily(r"\bend\s+#Pages\b|#Pages\s+Size\b")
_MMAP_BEGUN = lazily(r"base_addr = 0x")
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


class Grub(LineForm):
    """``conv-mem  0000000000000000-000000000009ffff 000000a0    640KiB UC WC WT WB`` and lsmmap."""

    name = "grub"
    about = "GRUB's lsefimmap and lsmmap, typed off or captured from a serial console"
    triggers = (rb"= 0x[0-9A-Fa-f]{1,16}+, length", b"#Pages", BARE_RANGE)

    def __init__(self) -> None:
        self._tables = Tables()
        self._attributes: dict[int, dict[str, object]] = {}

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        if self.more and self._completed(line):
            return
        self.more = False
        if match := _EFI.search(line):
            self._efi(number, line, match)
        elif match := _MMAP.search(line):
            self._mmap(number, line, match)
        elif _EFI_HEADING.search(line):
            self._tables.begin("grub_efi", headed=True)
        elif _MMAP_BEGUN.search(line):
            self._tables.damaged("grub_mmap", number, line, "base_addr, length and type")

    def _completed(self, line: str) -> bool:
        """Tell whether ``line`` holds the last attributes of the entry before it, broken off."""
        words = line.strip("> \t").split()
        if not words:
            return True
        attr = attributes_of(words)
        last = self._tables.last("grub_efi")
        before = last.attributes.get("attr") if last else None
        if attr is None or not isinstance(before, int):
            return False
        self._tables.amend("grub_efi", {"attr": before | attr})
        return True

    def _efi(self, number: int, line: str, match: re.Match[str]) -> None:
        name = match["type"]
        type_ = efi.type_name(int(name[4:], 16)) if name.startswith("Unk ") else type_of(name)
        attr = attributes_of(match["words"].split())
        if type_ is None or attr is None:
            self._tables.damaged(
                "grub_efi", number, line, "type, range, pages, size and attributes"
            )
            return
        start, end = int(match["a"], 16), int(match["b"], 16)
        self._tables.start_over("grub_efi", number, start, end)
        attributes = self._attributes.setdefault(attr, {"attr": attr})
        pages = int(match["pages"], 16)
        if self._tables.add("grub_efi", number, start, end, type_, attributes) and (
            end - start + 1 != pages * efi.PAGE
        ):
            message = f"0x{start:x}-0x{end:x} are not 0x{pages:x} pages"
            self._tables.odd("grub_efi", number, PAGES_MISMATCH, message, start)
        self.more = True

    def _mmap(self, number: int, line: str, match: re.Match[str]) -> None:
        if match["number"]:
            type_ = int(match["number"], 16)
        else:
            word = match["word"].strip()
            known = _WORDS.get(word)
            if known is None:
                self._tables.damaged("grub_mmap", number, line, "a type of memory of lsmmap")
                return
            type_ = known
        start = int(match["a"], 16)
        end = start + int(match["length"], 16) - 1
        self._tables.start_over("grub_mmap", number, start, end)
        self._tables.add("grub_mmap", number, start, end, e820.type_name(type_))

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        return self._tables.finish()
