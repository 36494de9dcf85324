"""FreeBSD's memory maps: ``SMAP`` of a BIOS boot, the EFI table of a verbose boot.

Source: sys/amd64/amd64/machdep.c (bios_add_smap_entries, print_efi_map_entry), sys/arm64/arm64
and sys/kern/subr_efi_map.c; sbin/sysctl/sysctl.c prints the same (sysctl machdep.smap and
machdep.efi_map). Ranges are given by start and length or number of 4 KiB pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.maps import e820, efi
from hwpkho.maps.efi_words import attributes_of, type_of
from hwpkho.maps.forms.base import LineForm
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.maps.forms.base import RawMap

_HEX = r"[0-9A-Fa-f]"
_SMAP = lazily(
    rf"\bSMAP type=(?P<type>{_HEX}{{1,8}}),?\s*(?:xattr=(?P<xattr>{_HEX}{{1,8}}),?\s*)?"
    rf"base=(?:0x)?(?P<base>{_HEX}{{1,16}}),?\s*len=(?:0x)?(?P<len>{_HEX}{{1,16}})"
)
_SMAP_BEGUN = lazily(r"\bSMAP type=")
_EFI = lazily(
    rf"(?<![\w.])(?P<type>[A-Z][A-Za-z]{{2,30}}|<INVALID>)\s+(?:0x)?(?P<a>{_HEX}{{1,16}})\s+"
    rf"(?:0x)?{_HEX}{{1,16}}\s+(?:0x)?(?P<pages>{_HEX}{{8,13}})(?P<words>(?:\s+[A-Z_]{{2,13}}\b)*)\s*$"
)
_EFI_BEGUN = lazily(rf"(?<![\w.])[A-Z][A-Za-z]{{2,30}}\s+(?:0x)?0{_HEX}{{11,15}}(?:\s|$)")
#: So many other lines below the header or an entry, before the table counts as ended.
_PATIENCE = 3
_EFI_HEADER = lazily(r"\bType\s+Physical\s+Virtual\s+#Pages\s+Attr")


class FreeBsd(LineForm):
    """``SMAP type=01 base=0000000000000000 len=000000000009fc00``; the EFI table."""

    name = "freebsd"
    about = "FreeBSD's dmesg of a verbose boot (SMAP, EFI table), sysctl machdep.smap, .efi_map"
    triggers = (rb"=(?<= base=|xattr=)", b"#Pages")

    def __init__(self) -> None:
        self._tables = Tables()
        self._patience = 0

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        following, self.more = self._patience > 0, False
        if match := _SMAP.search(line):
            self._smap(number, match)
        elif _SMAP_BEGUN.search(line):
            self._tables.damaged("freebsd_smap", number, line, "type, base and len")
        elif _EFI_HEADER.search(line):
            self._tables.begin("freebsd_efi", headed=True)
            self._patience = _PATIENCE
        elif following:
            self._below(number, line)
        self.more = self._patience > 0

    def _below(self, number: int, line: str) -> None:
        """Take a line below the header: an entry, the rest of its attributes, or something else."""
        words = line.strip("> \t").split()
        if match := _EFI.search(line):
            self._efi(number, line, match)
            self._patience = _PATIENCE
        elif words and (attr := attributes_of(words)) is not None:
            last = self._tables.last("freebsd_efi")
            before = last.attributes.get("attr") if last else None
            if isinstance(before, int):
                self._tables.amend("freebsd_efi", {"attr": before | attr})
        elif _EFI_BEGUN.search(line):
            self._tables.damaged("freebsd_efi", number, line, "type, addresses, pages, attributes")
        else:
            self._patience -= 1

    def _smap(self, number: int, match: re.Match[str]) -> None:
        start = int(match["base"], 16)
        attributes: dict[str, object] = {}
        if match["xattr"]:
            attributes["xattr"] = int(match["xattr"], 16)
        end = start + int(match["len"], 16) - 1
        self._tables.start_over("freebsd_smap", number, start, end)
        type_ = e820.type_name(int(match["type"], 16))
        self._tables.add("freebsd_smap", number, start, end, type_, attributes)

    def _efi(self, number: int, line: str, match: re.Match[str]) -> None:
        invalid = match["type"] == "<INVALID>"  # a type that FreeBSD does not know
        type_ = "unknown" if invalid else type_of(match["type"])
        attr = attributes_of(match["words"].split())
        if type_ is None or attr is None:
            self._tables.damaged("freebsd_efi", number, line, "type, addresses, pages, attributes")
            return
        start = int(match["a"], 16)
        end = start + int(match["pages"], 16) * efi.PAGE - 1
        self._tables.add("freebsd_efi", number, start, end, type_, {"attr": attr})

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        found = self._tables.finish()
        for table in found:
            if table.name == "freebsd_smap":
                table.arch = "x86_64"
        return found
