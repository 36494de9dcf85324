"""Memory in U-Boot's ``bdinfo``: DRAM banks and lmb's lists.

Source: cmd/bdinfo.c (print_dram; banks of size 0 are left out, since about 2012), lib/lmb.c
(lmb_dump_region; up to 2021.07 base and size on lines of their own), include/lmb.h (flags). lmb
gets its memory from the banks, so it has none that they have not.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.base.ranges import difference, union
from hwpkho.codes import problem
from hwpkho.codes.memmap import LOST_LINES, PAGES_MISMATCH
from hwpkho.codes.memmap_forms import BANK_MISSING, COUNT_DIFFERS, INCOMPLETE, MISPRINTED
from hwpkho.memmap import gaps, numbered_entries

if TYPE_CHECKING:
    import re

    from hwpkho.memmap.table import Table
    from hwpkho.memmap.tables import Tables

_HEX = r"[0-9A-Fa-f]"
_BANK = late(rf"\bDRAM bank\s*=\s*0x(?P<index>{_HEX}{{1,16}})\s*$")
_FIELD = late(r"->\s(?P<what>start|size)\s*=\s*(?P<value>.*)")
_HEX_NUMBER = late(rf"0x({_HEX}{{1,16}})")
_COUNT = late(
    rf"^[>|\s]*(?P<what>memory|reserved)\.(?:cnt|count)\s*=\s*(?P<count>(?:0x)?{_HEX}{{1,8}})"
    r"(?:\s*/\s*max\b|\s*$)"
)
#: Not Linux's (memblock=debug), which writes all digits of a range.
_REGION = late(
    rf"\b(?P<what>memory|reserved)\[(?P<index>[0-9]{{1,6}})\]\s*"
    rf"\[0x(?!0{_HEX})(?P<a>{_HEX}{{1,16}})-0x(?P<b>{_HEX}{{1,16}})\],"
    rf"\s*0x(?P<size>{_HEX}{{1,16}})\s+bytes"
    r"(?:,?\s*flags:\s*(?P<flags>[^\r\n]{1,60}))?"
)
_OLD_BASE = late(
    rf"\b(?P<what>memory|reserved)\.reg\[0x(?P<index>{_HEX}{{1,6}})\]\.base\s*=\s*"
    rf"0x(?P<a>{_HEX}{{1,16}})\s*$"
)
_OLD_SIZE = late(rf"(?<![\w\]])\.size\s*=\s*0x(?P<size>{_HEX}{{1,16}})\s*$")
#: A damaged line of a list.
_LIKE = late(
    rf"\b(?P<what>memory|reserved)(?:(?P<old>\.reg)\[0x|\[)(?P<index>{_HEX}{{1,6}})\b(?!.*\[0x00)"
)
_START = late(rf"\[0x({_HEX}{{1,16}})-")
_NUMBER = late(rf"{_HEX}{{1,8}}")

#: Digits of numbers on 64-bit machines since 2021; before, and on others, at least eight.
_FULL, _SHORT = 16, 8
#: From 2021.10 to 2024.10 flags are a number, and this is the only one (LMB_NOMAP).
_NO_MAP = 4
#: This version prints "none" for a no-map region and "no-map" for one not to be overwritten
#: (repaired by 23e7088dde1a, "lmb: use a different bit position for LMB_NOMAP").
_MISPRINTS = "2025.04"
_NAMES = {"memory": "uboot_dram", "reserved": "lmb_reserved"}
_EXPECTED = "number, range, size and flags of an lmb region"
MAX_BANKS = 1 << 12
#: Smaller differences are ignored, bytes.
_PAGE = 0x1000


class _Bank:
    """A bank as printed; missing values are None."""

    def __init__(self, line: int, index: int | None = None) -> None:
        self.line, self.index = line, index
        self.start: str | None = None
        self.size: str | None = None


class _List:
    """One of lmb's lists.

    Attributes:
        numbers: Numbers of the entries taken, in their order.
        regions: First and last byte of each.
        unreadable: Numbers of entries that were not taken.
        count: How many there are by its heading.
        table: Where its entries are; None while it has none.
    """

    def __init__(self, line: int, count: int | None = None) -> None:
        self.line, self.count = line, count
        self.numbers: list[int] = []
        self.regions: list[gaps.Place] = []
        self.unreadable: set[int] = set()
        self.table: Table | None = None


class Banks:
    """Reads the memory lines of bdinfo."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._banks: list[_Bank] = []
        #: The table made of the last banks, while the lists of the same dump follow.
        self._dram: Table | None = None
        self._open: dict[str, _List] = {}
        #: Lists that are whole, what they are called, and the banks' table beside them.
        self._done: list[tuple[str, _List, Table | None]] = []
        #: Banks without a line: their table, how many entries are before them, the message.
        self._jumps: list[tuple[Table, int, str]] = []
        self._old: tuple[int, str, int, int] | None = None  # line, list, number, base
        self._patience = False
        self._digits = 0  # of the numbers of banks
        self._index = -1  # the last of those
        self.version = ""

    def feed(self, number: int, line: str) -> bool:
        """Take a line; return whether the next one is wanted, too."""
        following, self._patience = self._patience, False
        old, self._old = self._old, None
        if old and (match := _OLD_SIZE.search(line)):
            _, what, index, start = old
            self._region(number, what, index, (start, int(match["size"], 16)), None)
            return True
        if old:
            self._half(old)
        if "->" in line and (match := _FIELD.search(line)):
            self._field(number, match)
        elif "bytes" in line and (match := _REGION.search(line)):
            self._sized_region(number, match)
        elif ".base" in line and (match := _OLD_BASE.search(line)):
            what, index = match["what"], int(match["index"], 16)
            self._list(number, what, index)
            self._old = (number, what, index, int(match["a"], 16))
        elif "DRAM" in line and (match := _BANK.search(line)):
            self._bank(number, match["index"])
        elif match := _COUNT.search(line):
            now, count = self._open.get(match["what"]), int(match["count"], 16)
            if now is None or now.numbers or now.unreadable or now.count != count:
                self._close(match["what"])
                self._open[match["what"]] = _List(number, count)
            self._patience = True
        elif (following or "[0x" in line) and (match := _LIKE.search(line)):
            self._unreadable(number, line, match)
        return self._patience or self._old is not None

    # DRAM banks

    def _bank(self, number: int, text: str) -> None:
        if len(text) < self._digits:  # cut off, or damaged
            self._append(_Bank(number))
            return
        index, self._digits = int(text, 16), len(text)
        last = self._banks[-1] if self._banks else None
        if last and last.index == index and last.start is last.size is None:
            return  # logged twice
        if index <= self._index:  # they ascend
            self.close_banks()
        self._append(_Bank(number, index))
        self._index = index

    def _field(self, number: int, match: re.Match[str]) -> None:
        what, value = match["what"], match["value"].rstrip()
        last = self._banks[-1] if self._banks else None
        if last is None or getattr(last, what) is not None:
            if last is not None and getattr(last, what) == value and what == "size":
                return  # logged twice
            if last is not None and what == "start" and last.start == value and last.size is None:
                return
            if what == "start" and len(self._banks) > 1 and self._banks[0].start == value:
                self.close_banks()  # a list whose banks have no number begins anew
            last = self._append(_Bank(number))
        setattr(last, what, value)
        last.line = number

    def _append(self, bank: _Bank) -> _Bank:
        if len(self._banks) >= MAX_BANKS:
            self.close_banks()
        self._banks.append(bank)
        return bank

    def close_banks(self) -> None:
        """Make a table of the banks so far."""
        banks, self._banks = self._banks, []
        if not banks:
            return
        for what in list(self._open):
            self._end(what)
        self._digits, self._index = 0, -1
        digits = [len(v) - 2 for b in banks for v in (b.start, b.size) if v and v[:2] == "0x"]
        width = _FULL if _FULL in digits else _SHORT
        self._tables.begin("uboot_dram")
        expected = 0
        for bank in banks:
            if bank.index is not None and bank.index > expected:
                self._jump(bank, expected)
                expected = bank.index
            expected += 1
            self._add(bank, width)
        self._dram = self._tables.open("uboot_dram")

    def _jump(self, bank: _Bank, expected: int) -> None:
        table = self._tables.table("uboot_dram", bank.line)
        last = f" to 0x{(bank.index or 0) - 1:x}" if (bank.index or 0) - 1 > expected else ""
        message = f"line {bank.line}: DRAM bank 0x{expected:x}{last} is missing before it"
        self._jumps.append((table, len(table.entries), message))

    def _add(self, bank: _Bank, width: int) -> None:
        start, size = _value(bank.start, width), _value(bank.size, width)
        if size == 0 and start is not None:
            return  # a bank that is not fitted
        if start is not None and size is not None:
            self._tables.add("uboot_dram", bank.line, start, start + size - 1, "dram_bank")
            return
        what = "no start" if bank.start is None else "no size"
        if bank.start is None and bank.size is None:
            what = "neither start nor size"
        elif bank.start is not None and bank.size is not None:
            damaged = bank.start if start is None else bank.size
            what = f'"{printable(damaged[:40])}" is not a number of {width} digits'
        which = "" if bank.index is None else f" 0x{bank.index:x}"
        named = None if start is None else (start, start)
        message = f"DRAM bank{which}: {what}"
        self._tables.lose("uboot_dram", bank.line, INCOMPLETE, message, named=named)

    # lmb's lists

    def _close(self, what: str) -> None:
        """End the banks and the open list, before another one begins."""
        self.close_banks()
        self._end(what)

    def _list(self, number: int, what: str, index: int) -> _List:
        """Return the list that number ``index`` belongs to; start another if the numbers do."""
        self.close_banks()
        now = self._open.get(what)
        if now is None or index < max([-1, *now.numbers[-1:], *now.unreadable]):
            self._end(what)
            now = self._open[what] = _List(number)
        return now

    def _own(self, now: _List, what: str) -> bool:
        """Tell whether the list gets a table: memory only if no bank was printed."""
        if what == "memory" and self._dram is not None:
            return False
        if now.table is None:
            self._tables.begin(_NAMES[what])
        return True

    def _sized_region(self, number: int, match: re.Match[str]) -> None:
        start, end, size = int(match["a"], 16), int(match["b"], 16), int(match["size"], 16)
        what, index = match["what"], int(match["index"])
        now = self._list(number, what, index)
        if index in now.numbers[-1:] and now.regions[-1] == (start, end):
            self._patience = True
            return  # logged twice
        if index in now.numbers[-1:]:
            self._end(what)
        self._region(number, what, index, (start, end - start + 1), match["flags"])
        now = self._open[what]
        if now.table is not None and index in now.numbers and end - start + 1 != size:
            message = f"line {number}: 0x{start:x}-0x{end:x} are not 0x{size:x} bytes"
            named = (start, max(end, min(start + size, PHYS_END) - 1))
            at = len(now.table.entries) - 1
            gaps.lose(now.table, PAGES_MISMATCH, message, at=at, replaced=1, named=named)

    def _region(
        self, number: int, what: str, index: int, place: tuple[int, int], flags: str | None
    ) -> None:
        """Add a region of ``(start, size)`` to its list."""
        now = self._list(number, what, index)
        self._patience = True
        start, end = place[0], place[0] + place[1] - 1
        if self._own(now, what):
            type_, attributes = self._kind(what, flags)
            taken = self._tables.add(_NAMES[what], number, start, end, type_, attributes)
            now.table = self._tables.open(_NAMES[what])
            if not taken:
                now.unreadable.add(index)
                return
            if now.table and attributes.get("no-map", False) is None:
                message = f"line {number}: flags {printable(str(flags).strip())}"
                gaps.lose(now.table, MISPRINTED, message, span=(start, end))
        now.numbers.append(index)
        now.regions.append((start, end))

    def _unreadable(self, number: int, line: str, match: re.Match[str]) -> None:
        what, digits = match["what"], match["index"]
        index = int(digits, 16 if match["old"] or not digits.isdecimal() else 10)
        now = self._list(number, what, index)
        self._patience = True
        if index in now.numbers:
            return  # the line's second copy is of no use, but does no harm
        now.unreadable.add(index)
        if self._own(now, what):
            start = _START.search(line)
            named = (int(start[1], 16), int(start[1], 16)) if start else None
            self._tables.damaged(_NAMES[what], number, line, _EXPECTED, named=named)
            now.table = self._tables.open(_NAMES[what])

    def _half(self, old: tuple[int, str, int, int]) -> None:
        number, what, index, start = old
        now = self._list(number, what, index)
        now.unreadable.add(index)
        if self._own(now, what):
            message = f"{what}.reg[0x{index:x}]: a base without a size"
            self._tables.lose(_NAMES[what], number, INCOMPLETE, message, named=(start, start))
            now.table = self._tables.open(_NAMES[what])

    def _kind(self, what: str, flags: str | None) -> tuple[str, dict[str, object]]:
        """Return type and attributes; ``no-map`` is None if U-Boot does not print it."""
        if what == "memory":
            return "dram_bank", {"flags": flags.strip()} if flags else {}
        if not flags:
            return "lmb_reserved", {}
        words = flags.strip()
        no_map: bool | None = "no-map" in words
        if _NUMBER.fullmatch(words):
            no_map = bool(int(words, 16) & _NO_MAP)
        elif self.version == _MISPRINTS or words.endswith(", none"):
            no_map = None if "none" in words else False
        elif words.startswith("invalid"):
            no_map = None
        return "lmb_reserved", {"flags": words, "no-map": no_map}

    def _end(self, what: str) -> None:
        now = self._open.pop(what, None)
        if now is not None:
            self._done.append((what, now, self._dram))

    def finish(self) -> None:
        """Close all lists and record what is missing."""
        if self._old:
            self._half(self._old)
        self.close_banks()
        for what in list(self._open):
            self._end(what)
        covered: list[Table] = []
        # A heading alone may be Linux's; it is lmb's if banks or another of its lists are there.
        lmb = any(now.table is not None for _, now, _ in self._done)
        for what, now, dram in self._done:
            where = f"line {now.line}: "
            if what == "memory" and dram is not None and now.regions:
                covered.append(dram)
                _lacking(dram, now, where)
                if now.unreadable or (now.count or 0) > len(set(now.numbers)):
                    n, of = len(now.numbers), now.count
                    entries = (
                        counted(n, "entry") if of is None else f"{n} of {counted(of, 'entry')}"
                    )
                    are = "is" if n == 1 else "are"
                    message = f"{where}only {entries} of lmb's memory list {are} complete"
                    dram.problems.append(problem(COUNT_DIFFERS, message))
            elif now.table is None and now.count and (dram is not None or lmb):
                self._tables.begin(_NAMES[what])
                message = f"{what}.count = {now.count}: none of them is there"
                self._tables.lose(_NAMES[what], now.line, COUNT_DIFFERS, message)
            elif now.table is not None:
                named = f"{what}[{{}}]".format
                numbered_entries.lose_missing(
                    now.table,
                    now.numbers,
                    named,
                    where,
                    unreadable=now.unreadable,
                    count=now.count,
                    overlapping=any(b.start <= a.end for a, b in pairwise(now.table.entries)),
                )
        for table, at, message in self._jumps:
            if not any(table is other for other in covered):
                gaps.lose(table, LOST_LINES, message, at=at)


def _value(text: str | None, width: int) -> int | None:
    match = _HEX_NUMBER.fullmatch(text) if text else None
    return int(match[1], 16) if match and len(match[1]) >= width else None


def _lacking(dram: Table, now: _List, where: str) -> None:
    """Record memory that lmb has and no bank; if a bank is damaged, it is that memory."""
    banks = union((e.start, e.end + 1) for e in dram.entries)
    full = len(dram.lost_lines) >= gaps.MAX_GAPS  # the last one stands for several
    for index, region in zip(now.numbers, now.regions, strict=True):
        there = bisect_right(banks, region[0], key=itemgetter(1))
        around = (banks[n] for n in range(there, len(banks)))
        for start, end in difference([(region[0], region[1] + 1)], around):
            if end - start < _PAGE:
                continue
            place = start, end - 1
            loss = next(
                (x for x in dram.lost_lines if x.named and place[0] <= x.named[0] <= place[1]), None
            )
            if loss is not None and not full:
                dram.lost_lines[dram.lost_lines.index(loss)] = loss._replace(span=place)
                continue
            message = f"{where}memory[{index}] is in no DRAM bank"
            gaps.lose(dram, BANK_MISSING, message, span=place)
