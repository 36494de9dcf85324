"""The memory maps that the Xen hypervisor prints at boot.

Source: xen/arch/x86/e820.c (print_e820_memory_map; up to 4.14 ``A - B`` with B one past the last
byte, later ``[A, B]`` inclusive; ``e820-verbose`` prints the initial map first) and
xen/common/efi/boot.c (``EFI memory map:``, inclusive). What its dom0 prints (``Xen: [mem ..]``) is
pseudo-physical and not a map of the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.late import late
from hwpkho.errors import InputError
from hwpkho.memmap import e820, efi, gaps
from hwpkho.memmap.formats.base import SPACED_RANGE, UPSIDE_DOWN, TableForm
from hwpkho.memmap.remnants import is_remnant, message_of
from hwpkho.memmap.tables import MAX_E820_ENTRIES, Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
#: Xen's prefix, with a time stamp or without; or the beginning of a line that has lost it.
_XEN = r"(?:\(XEN\)(?:\s*\[[^\]]{1,40}\](?=\s))?\s+|^[>|\s]*+)"
_HEADER = late(rf"{_XEN}(?P<initial>Initial )?(?P<who>[\w-]{{1,20}}) RAM map:")
_E820 = late(
    rf"{_XEN}(?:\[(?P<a>{_HEX}{{13,16}}), (?P<b>{_HEX}{{13,16}})\]"
    rf"|(?P<c>{_HEX}{{16}}) - (?P<d>{_HEX}{{16}}))\s*(?P<type>.{{0,60}})"
)
_EFI = late(
    rf"{_XEN}(?P<a>{_HEX}{{9,16}})-(?P<b>{_HEX}{{9,16}}) type=(?P<type>[0-9]{{1,10}}) "
    rf"attr=(?P<attr>{_HEX}{{16}})"
)
_BEGUN = late(rf"{_XEN}(?:\[{_HEX}{{16}},|{_HEX}{{16}} - |{_HEX}{{13}}-{_HEX}{{13}} )")
#: A line of a list with a wrong digit or sign, or the start of one at the end of the input.
_LIKE = late(
    rf"{_XEN}\[?(?=\S*{_HEX}{{6}})[0-9A-Za-z]{{9,18}}(?:,| ?-)|\(XEN\)  +\[{_HEX}"
    r"|\((?:usable|reserved|ACPI data|ACPI NVS|unusable)\)\s*$"
)
#: Behind a heading, which ends its line or a string of JSON: the first line of a list, or its end.
_FIRST = late(rf"(?!\s*\").*?(?:\(XEN\)\s+\[?{_HEX}|{_HEX}{{9}}|\]? \((?:usable|reserved)\)\s*$)")
_MORE = late(rf"\(XEN\)\s+\[?{_HEX}{{13}}")
_PART = rf"\[?(?:{_HEX}{{1,16}}(?:,? ?-? ?(?:{_HEX}{{0,16}}\]?(?: (?:\([A-Za-z ]*)?)?)?)?)?"
_TYPES = {
    "usable": e820.RAM,
    "reserved": e820.RESERVED,
    "ACPI data": e820.ACPI,
    "ACPI NVS": e820.NVS,
    "unusable": e820.UNUSABLE,
}
_TYPE = late(r"\(?type (?P<number>[0-9]{1,10})|\((?P<word>[A-Za-z ]{1,20})\)")

#: What ``cat -n`` and ``grep -n`` put in front of a line.
_NUMBERED = late(r"^\s*[0-9]{1,6}[:\s]\s*$")

#: Other lines in a row after which a table has ended.
_PATIENCE = 3

_EXPECTED = "a range and its type"


class Xen(TableForm):
    """``(XEN)  [0000000000000000, 000000000009fbff] (usable)`` below ``Xen-e820 RAM map:``."""

    name = "xen"
    about = "Xen's boot messages (xl dmesg, serial console): e820 and EFI maps, old and new"
    printed_by = "Xen"
    needles = (
        SPACED_RANGE,
        rb"-[0-9A-Fa-f]{9,16}+ type=",
        rb"-e8(?:20|01|8) RAM",
        rb"XEN\)[^\n]{0,64} EFI RAM map:",
        rb"XEN\) {1,2}\[[0-9A-Fa-f]{13,16}, ",
    )

    unfinished = late(rf"{_XEN}{_PART}$")

    def __init__(self) -> None:
        self._tables = Tables(MAX_E820_ENTRIES)
        self._headed: set[str] = set()
        self._with_heading: set[int] = set()
        self._name = "xen_e820"
        self._patience = 0
        self._digits: dict[str, int] = {}  # of each table's first line
        self._attributes: dict[int, dict[str, object]] = {}

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        following = self._patience > 0
        self._patience -= following
        if "(XEN)" in line or following or "RAM map:" in line:
            self._xen(number, line, following=following)
        return self._patience > 0

    def _xen(self, number: int, line: str, *, following: bool) -> None:
        if match := _HEADER.search(line):
            self._name = "xen_efi_ram" if match["who"] == "EFI" else "xen_e820"
            if match["initial"]:
                self._name = "xen_e820_initial"
            self._tables.begin(self._name)
            self._headed.add(self._name)
            rest = line[match.end() :]  # a copy may have lost the line end
            if _FIRST.match(rest):
                self._xen(number, rest, following=True)
        elif match := _E820.search(line):
            self._e820(number, line, match, following=following)
        elif match := _EFI.search(line):
            self._efi(number, match)
        elif following and (_BEGUN.search(line) or _LIKE.search(line)):
            self._tables.damaged(self._name, number, line, _EXPECTED)
        elif following and is_remnant(line.replace("(XEN)", "")):
            self._tables.suspect(self._name, number, line, _EXPECTED)
            return
        else:
            return
        self._patience = _PATIENCE

    def _e820(self, number: int, line: str, found: re.Match[str], *, following: bool) -> None:
        """Take one line, or several if a copy has lost line ends."""
        match: re.Match[str] | None = found
        torn = message_of(line[: found.start()])
        torn = _NUMBERED.sub("", torn.replace("(XEN)", ""))
        if following and is_remnant(torn):
            self._tables.damaged(self._name, number, line[: found.start()], _EXPECTED)
        while match:
            more = _MORE.search(line, match.start("type"))
            self._range(number, line, match)
            match = _E820.search(line, more.start()) if more else None

    def _range(self, number: int, line: str, match: re.Match[str]) -> None:
        name = self._name
        kind = _TYPE.match(match["type"])
        type_ = None
        if kind:
            known = str(_TYPES.get(kind["word"], "")) if kind["word"] else kind["number"]
            type_ = e820.type_in_text(known) if known else None
        a, b = match["a"] or match["c"], match["b"] or match["d"]
        if self._tables.last(name) is None:
            self._digits[name] = len(a)
        if type_ is None or not len(a) == len(b) == self._digits[name]:
            self._tables.damaged(name, number, line, _EXPECTED)
            return
        start, end = int(a, 16), int(b, 16)
        if match["c"]:
            end = (PHYS_END if start and not end else end) - 1
        self._tables.add(name, number, start, end, type_)
        if name in self._headed:
            self._headed.discard(name)
            self._with_heading.add(id(self._tables.table(name, number)))

    def _efi(self, number: int, match: re.Match[str]) -> None:
        start, attr = int(match["a"], 16), int(match["attr"], 16)
        end = int(match["b"], 16)
        type_ = efi.type_in_text(match["type"])
        if type_ is None:
            self._tables.damaged("xen_efi", number, match[0], _EXPECTED, named=(start, end))
            return
        self._tables.start_over("xen_efi", number, start, end)
        attributes = self._attributes.setdefault(attr, {"attr": attr})
        self._tables.add("xen_efi", number, start, end, type_, attributes)

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        found = self._tables.finish()
        for table in found:
            if table.name != "xen_efi" and gaps.falls(table.entries):
                raise InputError(f"line {table.line}: {UPSIDE_DOWN}")
            if table.name == "xen_e820":
                gaps.lose_overlaps(table, gaps.overlapping(table.entries))
                if id(table) not in self._with_heading:
                    gaps.check_head(table)
        return found
