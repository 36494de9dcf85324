"""The EFI memory map that Linux prints at boot: five wordings on x86, two on other architectures.

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
from hwpkho.base.late import late
from hwpkho.codes import problem
from hwpkho.codes.memmap import CUT, DAMAGED, LOST_LINES, PAGE_COUNT_ONLY, PAGES_MISMATCH
from hwpkho.errors import InputError
from hwpkho.logs.boot_marks import LINUX_STARTS
from hwpkho.memmap import efi, gaps
from hwpkho.memmap.efi_names import attributes_of, type_of
from hwpkho.memmap.formats.base import LONG_RANGE, UPSIDE_DOWN, TableForm
from hwpkho.memmap.patterns import begun
from hwpkho.memmap.remnants import is_cut, is_remnant
from hwpkho.memmap.tables import Tables

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.table import Table

_HEX = r"0x(?P<{}>[0-9A-Fa-f]{{1,16}})"
_A, _B = _HEX.format("a"), _HEX.format("b")

#: ``mem07: [Name|RUN|...|UC] range=[A-B] (7MB)``, ``mem07: type=7, attr=0xf, range=[A-B) (7MB)``.
_X86 = late(
    r"(?<![\w.])mem(?P<index>[0-9]{1,6}):\s*"
    r"(?:type=\s*(?P<number>[0-9]{1,10}),\s*attr=0x(?P<attr>[0-9A-Fa-f]{1,16}),|\[(?P<body>[^\]]{1,200})\])"
    rf"\s*range=\[{_A}\s*-\s*{_B}(?P<end>[\])])"
    r"(?:\s*\(\s*(?P<size>[0-9]{1,15})(?P<unit>[KMG]?B)\))?"
)
#: ``efi:   0xA-0xB [Name|RUN|...|UC]``, older kernels with ``*`` behind what they reserve. Not
#: ``efi: memattr:  0xA-0xB [...]``, which is the memory attributes table.
_ARM64 = late(
    rf"(?:(?P<prefix>\befi:)\s*|(?:^|[\]>:])\s+){_A}\s*-\s*{_B}\s+\[(?P<body>[^\]]{{1,200}})\]"
)
_NOT_THE_MAP = "memattr"

#: The first and the second half of an x86 line that a mail program broke at a blank.
_X86_HEAD = late(r"\bmem[0-9]{1,6}:\s*(?:type=|\[)")
_X86_REST = late(r"^(?!.*\bmem[0-9]).*\brange=\[0x")
_QUOTE = late(r"(?:^|(?<=\s))>\s?")
_ARM64_BEGUN = late(
    r"(?:(?<!\w)efi:|[\]>:])\s+0x[0-9A-Fa-f]{9,16}\s*-\s*0x[0-9A-Fa-f]{9,16}"
    r"\s+\[[A-Za-z][^\]]*+$"
    r"|(?<!\w)efi:\s+0x[0-9A-Fa-f]{9,16}\s*-\s*0x[0-9A-Fa-f]{9,16}\s*+$"
)
#: A whole line of either list with something unreadable in it.
_LIKE = late(
    r"\bmem[0-9]{1,6}:.*\brange=\[.*[\])]\s*$|(?<!\w)efi:\s+0x\S.*\|[^\]]*\]\*?\s*$"
    r"|\|[^|\[\]]{0,8}\]\s{0,8}range=\[0x"
)
#: The beginning of a line of arm64's list, perhaps with another message behind it.
_ROW = late(r"(?<!\w)efi:\s+0x[0-9A-Fa-f]{3}")
#: In front of a line of arm64's list: the beginning of another.
_TORN = late(r"(?<!\w)efi:\s+0?x?|0x[0-9A-Fa-f]{3}")
#: Attribute columns of a damaged line.
_COLUMNS = late(r"\|\s*+(?:[A-Z]{2,3}\s*+)?[|\]]|^[\s|A-Z]*+\]\s*$")
#: The end of a line that has its range, but not all of its size.
_SIZE_BEGUN = late(r"0x[0-9A-Fa-f]+[\])] ?(?:\([0-9]*[KMG]?B?)?$")
_HEADING = "Processing EFI memory map"
_NUMBERED = late(r"type=([0-9]{1,10})")
_ATTR = late(r"attr=0x([0-9A-Fa-f]{1,16})")
#: Above x86's second print, since 7.0.
_X86_SECOND = "EFI runtime memory map:"
#: Words of a list's lines, headings and separators.
_MAYBE = ("|", "range=[", "efi:", LINUX_STARTS, _HEADING)
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}

#: Other lines in a row after which a list has ended.
_PATIENCE = 3

#: Minimum number of digits of an address on arm64.
_DIGITS = 12

_EXPECTED = "type, attributes and range of an EFI memory descriptor"


#: ``A-B] (7MB)``, ``A-B)``, ``A-B [``; or its first half at the end of a line.
_RANGE = (
    rb"-0x[0-9A-Fa-f]{1,16}+(?:\] \( *+[0-9]+[KMG]?B"
    rb"|\)(?:(?<=[0-9A-Fa-f]{16}\))[ \t]*\n| \( *+[0-9]+[KMG]?B)|[ \t]+(?:\[|\n)"
    rb"|(?<=x[0-9A-Fa-f]{12})\n)"
)
#: ``range=[A-B`` as an editor left it: numbers without leading zeros, perhaps without a size.
_SHORT_RANGE = (
    rb"-0x(?:"
    + b"|".join(rb"(?<==\[0x[0-9A-Fa-f]{%d}.0x)" % digits for digits in range(1, 16))
    + rb")"
)


class DmesgEfi(TableForm):
    """``efi: mem00: [...] range=[...]`` of x86, ``efi:   0x...-0x... [...]`` of the others."""

    name = "dmesg-efi"
    about = "kernel log with the EFI memory map (efi=debug): x86, arm64, riscv, loongarch, ia64"
    printed_by = "Linux"
    needles = (
        LONG_RANGE,
        _RANGE,
        _SHORT_RANGE,
        rb"Processing EFI memory map",
        LINUX_STARTS.encode(),
    )
    unfinished = late(
        rf"(?:efi|EFI): (?:{begun('mem')}|mem[0-9]{{1,6}}:?(?!.*\brange=\[0x\w+-0x\w+[\])]).*)$"
        r"|(?<!\w)efi:\s+0x[0-9A-Fa-f]*(?:-(?:0x?[0-9A-Fa-f]*)?)?(?:\s+\[[^\]]*)?$"
    )

    def __init__(self) -> None:
        self._patience = 0
        self._following = False  # whether the line stands directly below one of the list
        self._first_arm64 = False  # whether the heading is that of 3.16 to 3.18, arm64's alone
        self._falling = 0  # how often a descriptor's number was one less than the last
        self._tables = Tables()
        self._row = ""  # the last line of a list
        self._broken: tuple[int, str] | None = None  # an arm64 line without its end
        self._columns = 0  # of attributes in a list's first line; one kernel prints as many in each
        self._unlike = 0  # columns of the last line that had others than the first
        self._sized = False  # whether a line of x86's list had its size
        self._width = 0  # digits of an arm64 list's addresses
        self._index = -1
        # Of the line that is being read: whether the next one is wanted, it begins an x86 list, it
        # is a range that lacks its head.
        self._wanted = self._first = self._headless = False

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        self._begin_line()
        if (
            self._following
            or self._broken
            or (" [" in line and "[mem " not in line)
            or any(word in line for word in _MAYBE)
        ):
            self._line(number, line)
        if self._headless or self._first:
            self._look_above(number, line)
        return self._wanted or self._patience > 0

    def _begin_line(self) -> None:
        self._wanted = self._headless = self._first = False
        self._following = self._patience > 0
        self._patience -= self._following

    def _look_above(self, number: int, line: str) -> None:
        """Join a range to its first half above; look for a heading above x86's first line."""
        for number, text in self.above():
            if self._headless and _X86.search(text):
                break  # a whole line, and no first half of this one
            line = f"{text} {line}"
            if self._first:
                if _X86_SECOND in line:
                    self._tables.table("efi", number).name = "efi_print_2"
                return
            self._begin_line()
            self._line(number, _QUOTE.sub("", line), joined=True)
            if not (self._headless or self._first):
                return
        if self._headless and "|" in line:
            self._tables.damaged("efi", number, _QUOTE.sub("", line), _EXPECTED)

    def _line(self, number: int, line: str, *, joined: bool = False) -> None:
        if (self._broken and self._completed(line)) or self._take(number, line):
            return
        if _ARM64_BEGUN.search(line):
            self._broken = (number, line.rstrip())
            self._wanted = True
        elif LINUX_STARTS in line or _HEADING in line:
            self._starts(number, line)
        elif joined and _X86_HEAD.search(line):
            self._tables.damaged("efi", number, line, _EXPECTED)
        elif "range=[0x" in line and _X86_REST.search(line):
            self._headless = True
        elif self._following and _NOT_THE_MAP not in line:
            self._beside(number, line)

    def _beside(self, number: int, line: str) -> None:
        """Look at a line next to a list: a damaged line, or what is left of one."""
        starts = _ROW.search(line) and not self.unfinished.search(line)
        if starts or _LIKE.search(line):
            self._tables.damaged("efi", number, line, _EXPECTED)
            self._patience = _PATIENCE
        elif (
            is_cut(line, self._row)
            or _COLUMNS.search(line)
            or (is_remnant(line) and "[mem " not in line)
        ):
            self._tables.suspect("efi", number, line, _EXPECTED)

    def _starts(self, number: int, line: str) -> None:
        """Handle a kernel banner, which ends a list, or a heading, which starts one."""
        table = self._tables.open("efi")
        if _HEADING in line and table is not None and _falls(table.entries):
            raise InputError(f"line {table.line or number}: {UPSIDE_DOWN}")
        self._first_arm64 = _HEADING in line and "efi: " not in line
        if LINUX_STARTS in line:
            self._new_table()
        else:
            self._patience = _PATIENCE
            self._columns = 0

    def _completed(self, line: str) -> bool:
        """Tell whether ``line`` is the rest of the arm64 line before it, or still part of it."""
        if self._broken is None:
            return False
        number, text = self._broken
        rest = line.lstrip("> \t")
        if not rest:
            self._wanted = True
            return True
        self._broken = None
        if "efi: " not in line and self._take(number, f"{text} {rest}"):
            return True
        self._tables.damaged("efi", number, text, _EXPECTED)
        return False

    def _take(self, number: int, line: str) -> bool:
        taken = False
        if "0x" not in line:
            return taken
        # More than one where a copy has lost its line ends.
        for match in _X86.finditer(line) if "range=[" in line else ():
            self._x86(number, line, match)
            self._row = line
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
                self._row = line
                taken = True
        if taken and _COLUMNS.search(line, at):
            self._tables.damaged("efi", number, line[at:], _EXPECTED)
        return taken

    def _columns_lost(self, number: int, body: str | None) -> bool:
        """Tell whether a line has fewer or more columns of attributes than those before it.

        Where the second line has more than the first, it is the first that has lost some; where two
        lines in a row have as many, and fewer than the first, the first has some too many.
        """
        count = body.count("|") if body and "|attr=" not in body else 0
        first = self._tables.first("efi")
        if not self._columns:
            self._unlike = 0
        elif count and count != self._columns and first is self._tables.last("efi"):
            if count > self._columns or count == self._unlike:
                how = "fewer" if count > self._columns else "more"
                message = f"the first line has {how} columns of attributes than this one"
                if first:
                    self._tables.lose("efi", number, DAMAGED, message, replaced=1)
                self._columns = count
            self._unlike = count
        self._columns = self._columns or count
        return bool(count) and count != self._columns

    def _new_table(self) -> None:
        self._columns = 0
        self._tables.begin("efi")
        self._index = -1

    def _x86(self, number: int, line: str, match: re.Match[str]) -> None:
        index, was = int(match["index"]), self._index
        if index < self._index:
            self._new_table()
        if match["number"]:
            type_ = efi.type_in_text(match["number"])
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
        unread = unread or self._columns_lost(number, match["body"])
        if unread:
            self._tables.damaged("efi", number, line, _EXPECTED, named=(start, end))
        if index > before + 1:
            first, last = f"mem{before + 1:02}", f"mem{index - 1:02}"
            named = f"{first} is" if first == last else f"{first} to {last} are"
            self._tables.lose("efi", number, LOST_LINES, f"{named} missing before it")
        if type_ is None or unread:
            return
        if before < 0:
            self._first = True
        if self._tables.add("efi", number, start, end, type_, {"attr": attr, "index": index}):
            if index == before:
                again = f"a second, different mem{index:02}"
                self._tables.lose("efi", number, LOST_LINES, again, replaced=2)
            self._check_size(number, match, start, end)

    def _check_size(self, number: int, match: re.Match[str], start: int, end: int) -> None:
        """Compare the size in parentheses, which the kernel rounds down to its unit."""
        if match["size"]:
            self._sized = True
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
            if "|" in body or self._following:
                self._tables.damaged("efi", number, line, _EXPECTED)
            return
        else:
            attributes = {"attr": attr}
        start, end = int(match["a"], 16), int(match["b"], 16)
        first, last = self._tables.first("efi"), self._tables.last("efi")
        if first and last and last is not first and start == first.start:
            self._new_table()
        self._patience = _PATIENCE
        if self._columns_lost(number, body):
            self._tables.damaged("efi", number, line, _EXPECTED, named=(start, end))
            return
        width = max(len(match["a"]), len(match["b"]))
        if last is None or last is first:
            self._width = width if last is None else max(width, self._width)
        longer = max(match["a"], match["b"], key=len)
        odd = len(match["a"]) != len(match["b"]) and longer.startswith("0")
        if odd or min(len(match["a"]), len(match["b"])) < _DIGITS <= self._width:
            self._tables.damaged("efi", number, line, _EXPECTED)
            return
        if self._first_arm64 and not match["prefix"]:
            self._tables.table("efi", number).arch = "arm64"
        self._tables.add("efi", number, start, end, type_, attributes)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`; a broken line is left to :meth:`finish`."""
        if self._broken:
            return
        if is_cut(line, self._row, last=True):
            self._tables.cut_off(number)
        elif line == self._row and self._sized and _SIZE_BEGUN.search(line):
            self._tables.lose("efi", number, CUT, "the input ends within this line")
        else:
            super().cut_off(number, line)

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        if self._broken and self._tables.last("efi"):
            number, _ = self._broken
            self._tables.lose("efi", number, CUT, "the log ends within this line")
        found = self._tables.finish()
        for table in found:
            gaps.lose_overlaps(table, gaps.overlapping(table.entries))
            if any(e.attributes["attr"] is None for e in table.entries):
                message = f"line {table.line}: the EFI map has no attributes"
                table.problems.append(problem(PAGE_COUNT_ONLY, message))
        return found


def _falls(entries: Sequence[Entry]) -> bool:
    """Tell whether a list descends; device memory at its end need not."""
    falling = sum(b.start < a.start for a, b in pairwise(entries))
    return falling > 1 and falling * 4 >= (len(entries) - 1) * 3


@lru_cache(maxsize=1024)  # few differ within a log
def _read_body(body: str) -> tuple[str | None, int | None]:
    """Return type and attribute word of the part in brackets, None for what is missing."""
    name, *columns = body.split("|")
    numbered = _NUMBERED.match(name.strip())
    type_ = efi.type_in_text(numbered[1]) if numbered else type_of(name)
    if len(columns) == 1 and (raw := _ATTR.match(columns[0].strip())):
        return type_, int(raw[1], 16)
    return type_, attributes_of(columns) if columns else None
