"""The EFI memory map that Linux prints at boot: x86 in five wordings, arm64 and its kin in two.

Source: arch/x86/platform/efi/efi.c (efi_print_memmap), drivers/firmware/efi/efi-init.c
(reserve_regions), drivers/firmware/efi/efi.c (efi_md_typeattr_format); before 3.16
arch/x86/kernel/efi.c. A range written ``[A-B)`` ends before B, ``[A-B]`` with it. x86 prints the
list twice with efi=debug, the second time after SetVirtualAddressMap.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.codes import problem
from hwpkho.codes.memmap import CUT, LOST_LINES, PAGE_COUNT_ONLY, PAGES_MISMATCH
from hwpkho.errors import InputError
from hwpkho.memmap import efi, gaps
from hwpkho.memmap.efi_names import attributes_of, type_of
from hwpkho.memmap.formats.base import (
    EFI_RANGE,
    LINUX_STARTS,
    LONG_RANGE,
    PLAIN_PREFIX,
    SHORT_EFI_RANGE,
    UPSIDE_DOWN,
    LineForm,
)
from hwpkho.memmap.model import Entry
from hwpkho.memmap.patterns import begun, lazily
from hwpkho.memmap.remnants import is_remnant
from hwpkho.memmap.scanner import MAX_JOINED
from hwpkho.memmap.tables import Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.memmap.rawmap import RawMap

_HEX = r"0x(?P<{}>[0-9A-Fa-f]{{1,16}})"
_A, _B = _HEX.format("a"), _HEX.format("b")

#: ``mem07: [Name|RUN|...|UC] range=[A-B] (7MB)``, ``mem07: type=7, attr=0xf, range=[A-B) (7MB)``.
_X86 = lazily(
    r"(?<![\w.])mem(?P<index>\d{1,6}):\s*"
    r"(?:type=\s*(?P<number>\d{1,10}),\s*attr=0x(?P<attr>[0-9A-Fa-f]{1,16}),|\[(?P<body>[^\]]{1,200})\])"
    rf"\s*range=\[{_A}\s*-\s*{_B}(?P<end>[\])])"
    r"(?:\s*\(\s*(?P<size>\d{1,15})(?P<unit>[KMG]?B)\))?"
)
#: ``efi:   0xA-0xB [Name|RUN|...|UC]``, older kernels with ``*`` behind what they reserve. Not
#: ``efi: memattr:  0xA-0xB [...]``, which is the memory attributes table.
_ARM64 = lazily(
    rf"(?:(?P<prefix>\befi:)\s*|(?:^|[\]>:])\s+){_A}\s*-\s*{_B}\s+\[(?P<body>[^\]]{{1,200}})\]"
)
_NOT_THE_MAP = "memattr"

#: Whole lines as kernels print them, for :meth:`DmesgEfi.run`.
_X86_LINE = lazily(
    PLAIN_PREFIX + rb"(?:efi|EFI): mem(?P<index>[0-9]{1,6}+): "
    rb"(?P<what>\[[A-Za-z0-9 |]{1,200}+\]|type=[0-9]{1,10}+, attr=0x[0-9a-f]{1,16}+,)"
    rb" range=\[0x(?P<a>[0-9a-f]{16})-0x(?P<b>[0-9a-f]{16})(?P<end>[\])])"
    rb" \((?P<size>[0-9]{1,15}+)(?P<unit>[KMG]?+B)\)\n"
)
#: The memory attributes table says nothing about the map.
_MEMATTR_LINES = lazily(
    rb"(?:" + PLAIN_PREFIX + rb"efi: memattr:  0x[0-9a-f]{9,16}-0x[0-9a-f]{9,16}"
    rb" \[[A-Za-z0-9 |]{1,200}\]\n)+"
)
_ARM64_LINE = lazily(
    PLAIN_PREFIX + rb"efi:   0x(?P<a>[0-9a-f]{9,16}+)-0x(?P<b>[0-9a-f]{9,16}+) "
    rb"(?P<what>\[[A-Za-z0-9 ]{1,32}+\|[A-Za-z0-9 |]{1,160}+\])\*?\n"
)
#: The first and the second half of an x86 line that a mail program broke at a blank.
_X86_HEAD = lazily(r"\bmem\d{1,6}:\s*(?:type=|\[)")
_X86_REST = lazily(r"^(?!.*\bmem\d).*\brange=\[0x")
_QUOTE = lazily(r"(?:^|(?<=\s))>\s?")
_ARM64_BEGUN = lazily(
    r"(?:(?<!\w)efi:|[\]>:])\s+0x[0-9A-Fa-f]{9,16}\s*-\s*0x[0-9A-Fa-f]{9,16}"
    r"\s+\[[A-Za-z][^\]]*+$"
    r"|(?<!\w)efi:\s+0x[0-9A-Fa-f]{9,16}\s*-\s*0x[0-9A-Fa-f]{9,16}\s*+$"
)
#: A whole line of either list in which something cannot be read.
_LIKE = lazily(
    r"\bmem\d{1,6}:\s*(?:type=|\[).*\brange=\[.*[\])]\s*$|(?<!\w)efi:\s+0x\S.*\|[^\]]*\]\*?\s*$"
)
#: In front of a line of arm64's list: the beginning of another.
_TORN = lazily(r"(?<!\w)efi:\s+0?x?|0x[0-9A-Fa-f]{3}")
#: What is left of a line's attributes.
_COLUMNS = lazily(r"\|\s*(?:|[A-Z]{2,3})\s*[|\]]")
_HEADING = "Processing EFI memory map"
_NUMBERED = lazily(r"type=(\d{1,10})")
_ATTR = lazily(r"attr=0x([0-9A-Fa-f]{1,16})")
_LINUX = LINUX_STARTS.decode()
#: Above x86's second print, since 7.0.
_X86_SECOND = "EFI runtime memory map:"
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_UNITS_OF = {unit.encode(): size for unit, size in _UNITS.items()}

#: So many lines below one of a list are looked at before it counts as ended.
_PATIENCE = 3

#: Digits of an address in arm64's lines at least.
_DIGITS = 12

_EXPECTED = "type, attributes and range of an EFI memory descriptor"


class DmesgEfi(LineForm):
    """``efi: mem00: [...] range=[...]`` of x86, ``efi:   0x...-0x... [...]`` of the others."""

    name = "dmesg-efi"
    about = "kernel log with the EFI memory map (efi=debug): x86, arm64, riscv, loongarch, ia64"
    triggers = (LONG_RANGE, EFI_RANGE, SHORT_EFI_RANGE)
    separators = (LINUX_STARTS, b"Processing EFI memory map")
    unfinished = lazily(
        rf"(?:efi|EFI): (?:{begun('mem')}|mem\d{{1,6}}:?(?!.*\brange=\[0x\w+-0x\w+[\])]).*)$"
        r"|(?<!\w)efi:\s+0x[0-9A-Fa-f]*(?:-(?:0x?[0-9A-Fa-f]*)?)?(?:\s+\[[^\]]*)?$"
    )

    def __init__(self) -> None:
        self._patience = 0
        self._following = False  # whether the line stands directly below one of the list
        self._first_arm64 = False  # whether the heading is that of 3.16 to 3.18, arm64's alone
        self._falling = 0  # how often a descriptor's number was one less than the last
        self._tables = Tables()
        self._broken: tuple[int, str] | None = None  # an arm64 line without its end
        self._width = 0  # digits of an arm64 list's addresses
        self._joined = 0  # lines joined before the one to come
        self._index = -1
        self._peeking = False  # whether the line to come is shown for what stands before it

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        self.more = False
        self._following = self._patience > 0
        self._patience -= self._following and not self._peeking
        self._line(number, line)
        self.more = self.more or self._patience > 0

    def _line(self, number: int, line: str) -> None:
        if self._peeking:
            self._peeking = False
            if _X86_SECOND in line:
                self._tables.table("efi", number).name = "efi_print_2"
            return
        if not (
            self._broken
            or self._following
            or "|" in line
            or (" [" in line and "[mem " not in line)
            or "range=[" in line
            or "efi:" in line
            or _LINUX in line
            or _HEADING in line
        ):
            return
        joined, self._joined = self._joined, 0
        if joined:
            line = _QUOTE.sub("", line)
        if self._broken and self._completed(line):
            return
        if self._take(number, line):
            if joined == MAX_JOINED:  # what stands before so many is not shown
                self.again = self._peeking = False
            return
        if _ARM64_BEGUN.search(line):
            self._broken = (number, line.rstrip())
            self.more = True
        elif _LINUX in line or _HEADING in line:
            self._starts(number, line)
        elif joined and _X86_HEAD.search(line):
            self._tables.damaged("efi", number, line, _EXPECTED)
        elif _X86_REST.search(line):
            self._ask_for_more(number, line, joined)
        elif self._following and _NOT_THE_MAP not in line:
            self._beside(number, line)

    def _beside(self, number: int, line: str) -> None:
        """Take a line beside those of a list: a damaged one of it, or what is left of one."""
        if _LIKE.search(line):
            self._tables.damaged("efi", number, line, _EXPECTED)
            self._patience = _PATIENCE
        elif _COLUMNS.search(line) or (is_remnant(line) and "[mem " not in line):
            self._tables.suspect("efi", number, line, _EXPECTED)

    def run(self, block: bytes, start: int, number: int) -> int:
        """See :meth:`LineForm.run`: the descriptors below the first of a list."""
        if self._broken or self._peeking:
            return start
        if match := _MEMATTR_LINES.match(block, start):
            return match.end()
        if self._index >= 0:
            return self._run_x86(block, start, number)
        return self._run_arm64(block, start, number)

    def _run_x86(self, block: bytes, start: int, number: int) -> int:
        entries = []
        end, index = start, self._index
        while match := _X86_LINE.match(block, end):
            shown, what, a, b, closing, size, unit = match.groups()
            type_, attr = _read_what(what)
            first, last = int(a, 16), int(b, 16) - (closing == b")")
            if (
                type_ is None
                or attr is None
                or int(shown) != index + 1
                or last < first
                or (last - first + 1) // _UNITS_OF[unit] != int(size)
            ):
                break
            index += 1
            entries.append(Entry(first, last, type_, {"attr": attr, "index": index}))
            end = match.end()
        last_line = number + len(entries) - 1
        if not entries or not self._tables.extend("efi", entries, last_line):
            return start
        self._index = index
        self._patience = _PATIENCE
        self.more = True
        return end

    def _run_arm64(self, block: bytes, start: int, number: int) -> int:
        table = self._tables.open("efi")
        if table is None or not table.entries or "index" in table.entries[-1].attributes:
            return start
        top, before = table.entries[0], table.entries[-1]
        entries = []
        end = start
        while match := _ARM64_LINE.match(block, end):
            a, b, what = match.groups()
            type_, attr = _read_what(what)
            first, last = int(a, 16), int(b, 16)
            if (
                type_ is None
                or attr is None
                or not before.end < first <= last
                or first == top.start
            ):
                break
            before = Entry(first, last, type_, {"attr": attr})
            entries.append(before)
            end = match.end()
        last_line = number + len(entries) - 1
        if not entries or not self._tables.extend("efi", entries, last_line):
            return start
        self._patience = _PATIENCE
        self.more = True
        return end

    def _starts(self, number: int, line: str) -> None:
        """Take a banner, which ends a list, or a heading, which stands above one."""
        table = self._tables.open("efi")
        if _HEADING in line and table is not None and _falls(table.entries):
            raise InputError(f"line {table.line or number}: {UPSIDE_DOWN}")
        self._first_arm64 = _HEADING in line and "efi: " not in line
        if _LINUX in line:
            self._new_table()
        else:
            self._patience = _PATIENCE

    def _ask_for_more(self, number: int, line: str, joined: int) -> None:
        """Ask for the line before a range without a head, unless that was tried often enough."""
        if joined < MAX_JOINED:
            self._joined = joined + 1
            self.again = True
        elif "|" in line:
            self._tables.damaged("efi", number, line, _EXPECTED)

    def _completed(self, line: str) -> bool:
        """Tell whether ``line`` is the rest of the arm64 line before it, or still part of it."""
        if self._broken is None:
            return False
        number, text = self._broken
        rest = line.lstrip("> \t")
        if not rest:
            self.more = True
            return True
        self._broken = None
        if "efi: " not in line and self._take(number, f"{text} {rest}"):
            return True
        self._tables.damaged("efi", number, text, _EXPECTED)
        return False

    def _take(self, number: int, line: str) -> bool:
        taken = False
        for match in _X86.finditer(line):  # more than one where a copy has lost its line ends
            self._x86(number, line, match)
            taken = True
        if taken or _NOT_THE_MAP in line:
            return taken
        at = 0
        for match in _ARM64.finditer(line):
            torn, at = line[at : match.start()], match.end()
            if self._following and _TORN.search(torn):
                self._tables.damaged("efi", number, torn, _EXPECTED)
            if match["prefix"] or "|" in match["body"] or type_of(match["body"]):
                self._arm64(number, line, match)
                taken = True
        return taken

    def _new_table(self) -> None:
        self._tables.begin("efi")
        self._index = -1

    def _x86(self, number: int, line: str, match: re.Match[str]) -> None:
        index, was = int(match["index"]), self._index
        if index < self._index:
            self._new_table()
        if match["number"]:
            type_: str | None = efi.type_name(int(match["number"]))
            attr: int | None = int(match["attr"], 16)
        else:
            type_, attr = _read_body(match["body"])
        named_only = match["body"] and "|" not in match["body"]  # an editor left out the columns
        start, end = int(match["a"], 16), int(match["b"], 16)
        if match["end"] == ")":
            end = (PHYS_END if start and not end else end) - 1
        before, self._index = self._index, index
        self._patience = _PATIENCE
        self._falling = self._falling + 1 if index == was - 1 else 0
        if self._falling == _PATIENCE - 1:
            raise InputError(f"line {number}: {UPSIDE_DOWN}")
        unread = type_ is None or (attr is None and not named_only)
        if unread:
            self._tables.damaged("efi", number, line, _EXPECTED, told=(start, end))
        if index > before + 1:
            first, last = f"mem{before + 1:02}", f"mem{index - 1:02}"
            named = f"{first} is" if first == last else f"{first} to {last} are"
            self._tables.lose("efi", number, LOST_LINES, f"{named} missing before it")
        if type_ is None or unread:
            return
        if before < 0:
            self.again = self._peeking = True
        if self._tables.add("efi", number, start, end, type_, {"attr": attr, "index": index}):
            if index == before:
                again = f"a second, different mem{index:02}"
                self._tables.lose("efi", number, LOST_LINES, again, replaced=2)
            self._check_size(number, match, start, end)

    def _check_size(self, number: int, match: re.Match[str], start: int, end: int) -> None:
        """Compare the size in parentheses, which the kernel rounds down to its unit."""
        if match["size"]:
            unit = _UNITS[match["unit"]]
            if (end - start + 1) // unit != int(match["size"]):
                message = f"0x{start:x}-0x{end:x} are not {match['size']}{match['unit']}"
                self._tables.lose("efi", number, PAGES_MISMATCH, message, replaced=1)

    def _arm64(self, number: int, line: str, match: re.Match[str]) -> None:
        body = match["body"]
        type_, attr = _read_body(body)
        if "|" not in body and type_ is not None:
            attributes: dict[str, object] = {"attr": None}
        elif type_ is None or attr is None:
            if "|" in body:
                self._tables.damaged("efi", number, line, _EXPECTED)
            return
        else:
            attributes = {"attr": attr}
        start, end = int(match["a"], 16), int(match["b"], 16)
        first, last = self._tables.first("efi"), self._tables.last("efi")
        if first and last and last is not first and start == first.start:
            self._new_table()
        self._patience = _PATIENCE
        width = max(len(match["a"]), len(match["b"]))
        if last is None or last is first:
            self._width = width if last is None else max(width, self._width)
        if min(len(match["a"]), len(match["b"])) < _DIGITS <= self._width:
            self._tables.damaged("efi", number, line, _EXPECTED)
            return
        if self._first_arm64 and not match["prefix"]:
            self._tables.table("efi", number).arch = "arm64"
        self._tables.add("efi", number, start, end, type_, attributes)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`: but where :meth:`finish` tells of a half line."""
        if not self._broken:
            super().cut_off(number, line)

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        if self._broken and self._tables.last("efi"):
            number, _ = self._broken
            self._tables.lose("efi", number, CUT, "the log ends within this line")
        found = self._tables.finish()
        for table in found:
            gaps.lose_overlaps(table, gaps.overlapping(table.entries))
            if any(e.attributes["attr"] is None for e in table.entries):
                message = f"line {table.line}: the EFI map tells no attributes"
                table.problems.append(problem(PAGE_COUNT_ONLY, message))
        return found


def _falls(entries: Sequence[Entry]) -> bool:
    """Tell whether a list goes down; device memory, which stands behind the rest, need not."""
    falling = sum(b.start < a.start for a, b in pairwise(entries))
    return falling > 1 and falling * 4 >= (len(entries) - 1) * 3


@lru_cache(maxsize=1024)  # few differ within a log
def _read_body(body: str) -> tuple[str | None, int | None]:
    """Return type and attribute word of the part in brackets; None what it does not tell."""
    name, *columns = body.split("|")
    numbered = _NUMBERED.match(name.strip())
    type_ = efi.type_name(int(numbered[1])) if numbered else type_of(name)
    if len(columns) == 1 and (raw := _ATTR.match(columns[0].strip())):
        return type_, int(raw[1], 16)
    return type_, attributes_of(columns) if columns else None


@lru_cache(maxsize=1024)
def _read_what(what: bytes) -> tuple[str | None, int | None]:
    """Return type and attribute word of ``[Name|...|UC]`` or ``type=7, attr=0xf,``."""
    text = what.decode()
    if text.startswith("["):
        return _read_body(text[1:-1])
    number, attr = text[len("type=") : -1].split(", attr=")
    return efi.type_name(int(number)), int(attr, 16)
