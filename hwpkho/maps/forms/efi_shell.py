"""The EFI shell's ``memmap``: the table, the ``-sfo`` form, and the old EFI toolkit's.

Source: EDK2 ShellPkg/Library/UefiShellDebug1CommandsLib/MemMap.c and its .uni file; UEFI Shell
Specification (memmap). Numbers are hexadecimal without 0x, the end inclusive. A type that the
shell does not know is printed as its number in 8 hex digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.codes.memmap import CUT, PAGES_MISMATCH
from hwpkho.maps import efi
from hwpkho.maps.efi_words import type_of
from hwpkho.maps.forms.base import BARE_RANGE, LineForm
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.maps.forms.base import RawMap

_HEX = r"[0-9A-Fa-f]"
_LINE = lazily(
    rf"(?<![\w.])(?P<type>[A-Za-z][A-Za-z_ ]{{2,23}}?|{_HEX}{{8}})\s+"
    rf"(?P<a>{_HEX}{{16}})-(?P<b>{_HEX}{{16}})\s+(?P<pages>{_HEX}{{1,16}})\s+(?P<attr>{_HEX}{{16}})"
    rf"(?!{_HEX})"
)
#: ``MemoryMap,"Available","0","9FFFF","A0","F"``
_SFO = lazily(
    r'\bMemoryMap,\s*"(?P<type>[^"]{1,40})",\s*'
    + r",\s*".join(rf'"(?P<{k}>{_HEX}{{1,16}})"' for k in ("a", "b", "pages", "attr"))
)

_BEGUN = lazily(
    rf"(?<![\w.])(?P<type>[A-Za-z][A-Za-z_ ]{{2,23}}?)\s+{_HEX}{{16}}-{_HEX}{{16}}"
    rf"(?:\s+{_HEX}{{1,16}})?\s*$"
)

#: U-Boot's names, whose lines may end after the range: in capitals, or of the specification; wider.
_UBOOT = lazily(r"(?!MMIO)[A-Z][A-Z ]*$|.*(?:Memory|Services|MappedIO|PalCode)|Loader.* {9}")

_HEADING = lazily(r'\bEnd\s+# Pages\b|# Pages\s+Attributes\b|\bShellCommand,\s*"memmap"')

_EXPECTED = "type, start-end, number of pages and attributes of the EFI shell's memmap"


class EfiShell(LineForm):
    """``Available  0000000000000000-000000000009FFFF 00000000000000A0 000000000000000F``."""

    name = "efi-shell"
    about = "the EFI shell's memmap, memmap -sfo, captured or redirected (UTF-16)"
    triggers = (
        rb'",\s*"[0-9A-Fa-f]{1,16}",\s*"[0-9A-Fa-f]{1,16}",',
        rb'"memmap"',
        rb"# Pages",
        BARE_RANGE,
    )

    def __init__(self) -> None:
        self._tables = Tables()
        self._attributes: dict[int, dict[str, object]] = {}
        self._begun: tuple[int, str] | None = None  # number and text of a line broken off

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        begun, self._begun = self._begun, None
        self.more = False
        if begun and self._completed(begun, line):
            return
        match = _LINE.search(line) or _SFO.search(line)
        if match:
            self._take(number, line, match)
        elif _is_begun(line):
            self._keep(number, line)
        elif _HEADING.search(line):
            self._tables.begin("efi_shell", headed=True)

    def _keep(self, number: int, line: str) -> None:
        self._begun = (number, line.strip("> \t\r"))
        self.more = True

    def _completed(self, begun: tuple[int, str], line: str) -> bool:
        """Tell whether ``line`` is the rest of a line broken off before, or still part of it."""
        number, text = begun
        rest = line.strip("> \t\r")
        joined = f"{text} {rest}"
        if not rest:
            self._keep(number, text)
        elif _LINE.search(line) or _is_begun(line):
            self._tables.damaged("efi_shell", number, text, _EXPECTED)
            return False
        elif match := _LINE.search(joined):
            self._take(number, joined, match)
        elif _is_begun(joined):
            self._keep(number, joined)
        else:
            self._tables.damaged("efi_shell", number, text, _EXPECTED)
            return False
        return True

    def _take(self, number: int, line: str, match: re.Match[str]) -> None:
        name = match["type"].strip()
        type_ = type_of(name)
        if type_ is None and len(name) == 8 and re.fullmatch(f"{_HEX}{{8}}", name):
            type_ = efi.type_name(int(name, 16))
        if type_ is None:
            self._tables.damaged("efi_shell", number, line, _EXPECTED)
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
            self._tables.odd("efi_shell", number, PAGES_MISMATCH, message, start)

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        if self._begun:
            self._tables.odd("efi_shell", self._begun[0], CUT, "the input ends within this line")
        return self._tables.finish()


def _is_begun(line: str) -> bool:
    begun = _BEGUN.search(line)
    if begun is None or not type_of(begun["type"]):
        return False
    return not _UBOOT.match(begun["type"]) and not _UBOOT.match(line, begun.start())
