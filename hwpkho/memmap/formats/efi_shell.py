"""The EFI shell's ``memmap``: the table, the ``-sfo`` form, and the old EFI toolkit's.

Source: EDK2 ShellPkg/Library/UefiShellDebug1CommandsLib/MemMap.c and its .uni file; UEFI Shell
Specification (memmap). Numbers are hexadecimal without 0x, the end inclusive. A type that the
shell does not know is printed as its number in 8 hex digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.late import late
from hwpkho.codes.memmap import CUT, PAGES_MISMATCH
from hwpkho.errors import InputError
from hwpkho.memmap import efi, listings, totals
from hwpkho.memmap.efi_names import type_of
from hwpkho.memmap.formats.base import FULL_RANGE, TableForm
from hwpkho.memmap.remnants import is_remnant
from hwpkho.memmap.tables import MAX_EFI_ENTRIES, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
_LINE = late(
    rf"(?:(?<![\w.])|(?<= {_HEX}{{16}}))(?P<type>[A-Za-z][A-Za-z_ ]{{2,23}}?|{_HEX}{{8}})\s+"
    rf"(?P<a>{_HEX}{{16}})-(?P<b>{_HEX}{{16}})\s+(?P<pages>{_HEX}{{1,16}})\s+(?P<attr>{_HEX}{{16}})"
    rf"(?!{_HEX}+(?![A-Za-z_]))"  # but another row where the line end is lost
)
#: ``MemoryMap,"Available","0","9FFFF","A0","F"``
_SFO = late(
    r'\bMemoryMap,\s*"(?P<type>[^"]{1,40})",\s*'
    + r",\s*".join(rf'"(?P<{k}>{_HEX}{{1,16}})"' for k in ("a", "b", "pages", "attr"))
)

_BEGUN = late(
    rf"(?<![\w.])(?P<type>[A-Za-z][A-Za-z_ ]{{2,23}}?)\s+{_HEX}{{16}}-{_HEX}{{16}}"
    rf"(?:\s+{_HEX}{{1,16}})?\s*$"
)

#: Names in U-Boot's table, whose lines may end after the range: in capitals, in full, or padded.
_UBOOT = late(r"(?!MMIO)[A-Z][A-Z ]*$|.*(?:Memory|Services|MappedIO|PalCode)|Loader.* {9}")

#: The old EFI toolkit writes ``#pages``.
_HEADING = late(r'\bEnd\s+# ?[Pp]ages\b|# ?[Pp]ages\s+Attributes\b|\bShellCommand,\s*"memmap"')
#: ``  BS_Code   :          1,141 Pages (4,673,536 Bytes)``
_TOTAL = late(
    rf"^[>|\s]*(?P<type>[A-Za-z_]{{4,12}}|{_HEX}{{8}})\s*:\s*(?P<pages>[0-9][0-9,]{{0,20}}) Pages\b"
)
#: ``MemoryMapSummary,"17112137728","229376",...``: bytes, first those of all.
_SUMMARY = late(r'\bMemoryMapSummary,\s*(?P<values>"[0-9]{1,20}"(?:,\s*"[0-9]{1,20}"){13,20})')
_SUMMED = (
    "reserved", "boot_services_code", "boot_services_data", "runtime_services_code",
    "runtime_services_data", "loader_code", "loader_data", "conventional", "mmio", "mmio_port",
    "unusable", "acpi_reclaim", "acpi_nvs", "pal_code",
)  # fmt: skip
#: Types that follow them: none until 2016, since 2022 unaccepted memory as well.
_SUMMED_MORE: tuple[tuple[str, ...], ...] = ((), ("persistent",), ("unaccepted", "persistent"))

#: Summaries of one table, at most: each has one, and there may be copies of it.
_SUMMARIES = 16

#: A damaged line of the table: a type and the start of a number, or a range.
_LIKE = late(
    r"^[>|\s]*(?P<type>[A-Za-z][A-Za-z_]{2,23})\s+[0-9A-FOolI]"
    rf"|{_HEX}{{6,16}}-{_HEX}{{4,16}}(?!\S)|(?<!\S){_HEX}{{16}}\s+{_HEX}{{16}}\s*$"
    r"|\bMemoryMap,|^[>|\s]*(?P<word>[A-Za-z][A-Za-z_]{3,10})\s*$"
)
_START = late(rf"(?<!\S)({_HEX}{{16}})-")
#: Other lines in a row after which a table has ended.
_PATIENCE = 2

_EXPECTED = "type, start-end, number of pages and attributes of the EFI shell's memmap"


class EfiShell(TableForm):
    """``Available  0000000000000000-000000000009FFFF 00000000000000A0 000000000000000F``."""

    name = "efi-shell"
    about = "the EFI shell's memmap, memmap -sfo, captured or redirected (UTF-16)"
    needles = (
        FULL_RANGE,
        rb"# Pages",
        b"#pages",
        rb"moryMap(?:Summary)?,",  # begins with m as others do: each first letter costs a pass
        rb'memmap"',
    )

    unfinished = late(r'^[>|\s]*(?:[A-Z][A-Za-z_]{0,15}\s*|M[emoryMap]{0,8},?"?[A-Za-z]*)$')

    def __init__(self) -> None:
        self._tables = Tables(MAX_EFI_ENTRIES)
        self._attributes: dict[int, dict[str, object]] = {}
        self._begun: tuple[int, str] | None = None  # number and text of a line broken off
        self._patience = 0
        #: Totals below tables: the table, the line of the first total, and pages by type.
        self._totals: list[tuple[Table, int, dict[str, int]]] = []

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        begun, self._begun = self._begun, None
        following = self._patience > 0
        if begun and self._completed(begun, line):
            self._patience = _PATIENCE
        elif match := _LINE.search(line) or ("MemoryMap," in line and _SFO.search(line)):
            while match:  # several where a copy has lost line ends
                self._take(number, line, match)
                after = match.re.search(line, match.end())
                torn = line[match.end() : after.start() if after else None]
                if is_remnant(torn) or self._is_like(torn):
                    self._damaged(number, torn)
                match = after
            self._patience = _PATIENCE
        elif _is_begun(line):
            self._keep(number, line)
        elif ("ages" in line or "ShellCommand" in line) and _HEADING.search(line):
            self._tables.begin("efi_shell", headed=True)
            self._patience = _PATIENCE
        elif "MemoryMapSummary" in line and (match := _SUMMARY.search(line)):
            self._summary(number, match["values"])
        elif following and " Pages" in line and (match := _TOTAL.search(line)):
            self._total(number, match)
            self._patience = _PATIENCE
        elif following and self._is_like(line):
            self._damaged(number, line)
            self._patience = _PATIENCE
        elif following and line.strip(" >|\t"):
            self._patience -= 1
            if is_remnant(line):
                self._tables.suspect("efi_shell", number, line, _EXPECTED)
        return self._patience > 0 or self._begun is not None

    def _is_like(self, line: str) -> bool:
        """Tell whether a line below one of the table is a damaged one."""
        match = None if " : " in line else _LIKE.search(line)
        if match is None:
            return False
        word = match["type"] or match["word"]
        return not word or type_of(word) is not None

    def _damaged(self, number: int, line: str) -> None:
        start = _START.search(line)
        named = (int(start[1], 16), int(start[1], 16)) if start else None
        self._tables.damaged("efi_shell", number, line, _EXPECTED, named=named)

    def _total(self, number: int, match: re.Match[str]) -> None:
        """Take the total of a type: it is of the table that is open."""
        table = self._tables.open("efi_shell")
        name = match["type"]
        type_ = efi.type_name(int(name, 16)) if len(name) == 8 and name.isdigit() else type_of(name)
        if table is None or type_ is None:
            return
        if not self._totals or self._totals[-1][0] is not table:
            self._totals.append((table, number, {}))
        self._totals[-1][2][type_] = int(match["pages"].replace(",", ""))

    def _summary(self, number: int, text: str) -> None:
        table = self._tables.open("efi_shell")
        values = [int(value.strip('" ')) for value in text.split(",")]
        more = next((m for m in _SUMMED_MORE if len(values) == 1 + len(_SUMMED) + len(m)), None)
        if table is not None and more is not None:
            if sum(other is table for other, *_ in self._totals[-_SUMMARIES:]) == _SUMMARIES:
                raise InputError(f"line {number}: more than {_SUMMARIES} summaries of one table")
            pairs = zip((*_SUMMED, *more), values[1:], strict=True)
            self._totals.append((table, number, {t: v // efi.PAGE for t, v in pairs}))

    def _keep(self, number: int, line: str) -> None:
        self._begun = (number, line.strip("> \t\r"))

    def _completed(self, begun: tuple[int, str], line: str) -> bool:
        """Tell whether ``line`` is the rest of a line broken off before, or still part of it."""
        number, text = begun
        rest = line.strip("> \t\r")
        joined = f"{text} {rest}"
        if not rest:
            self._keep(number, text)
        elif _LINE.search(line) or _is_begun(line):
            self._damaged(number, text)
            return False
        elif match := _LINE.search(joined):
            self._take(number, joined, match)
        elif _is_begun(joined):
            self._keep(number, joined)
        else:
            self._damaged(number, text)
            return False
        return True

    def _take(self, number: int, line: str, match: re.Match[str]) -> None:
        name = match["type"].strip()
        type_ = type_of(name)
        if type_ is None and len(name) == 8 and re.fullmatch(f"{_HEX}{{8}}", name):
            type_ = efi.type_name(int(name, 16))
        if type_ is None:
            self._damaged(number, line)
            return
        start, end = int(match["a"], 16), int(match["b"], 16)
        attr = int(match["attr"], 16)
        self._tables.start_over("efi_shell", number, start, end)
        attributes = self._attributes.setdefault(attr, {"attr": attr})
        pages = int(match["pages"], 16)
        if self._tables.add("efi_shell", number, start, end, type_, attributes) and (
            end - start + 1 != pages * efi.PAGE
        ):
            message = f"0x{start:x}-0x{end:x} are not 0x{pages:x} pages"
            named = (start, max(end, min(start + pages * efi.PAGE, PHYS_END) - 1))
            self._tables.lose("efi_shell", number, PAGES_MISMATCH, message, replaced=1, named=named)

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        if self._begun:
            self._tables.lose("efi_shell", self._begun[0], CUT, "the input ends within this line")
        found = self._tables.finish()
        for table, line, totals_ in self._totals:
            totals.check(table, totals_, line)
        listings.lose_overlaps(found, ("efi_shell",))
        return found


def _is_begun(line: str) -> bool:
    begun = _BEGUN.search(line)
    if begun is None or not type_of(begun["type"]):
        return False
    return not _UBOOT.match(begun["type"]) and not _UBOOT.match(line, begun.start())
