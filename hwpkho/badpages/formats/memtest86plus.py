"""What memtest86+ shows: single errors, BadRAM patterns, memmap regions and bad pages.

The walking-ones test (0) and the block move (7) report no exact address, so their errors name no
page. Neither do the lowest and highest error address, which are only limits, nor counts of errors.
Merged patterns and regions contain good memory, too. Lines of PassMark's MemTest86 are read as
well; there the block move is test 6.

Source: memtest86+'s app/error.c (common_err), app/badram.c (badram_display) and app/reports.c
(serial_log_error), system/serial.c (tty_send_region: rows are drawn by cursor movements, without
line ends), README.md. MemTest86 is closed source: logs and reports that users published, and
memtest86.com, tech_individual-test-descr.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import TextForm
from hwpkho.badpages.lines import numbered
from hwpkho.badpages.signs import Sign
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

#: Tests that report no exact address.
_INEXACT, _INEXACT_PASSMARK = frozenset((0, 7)), frozenset((0, 6))
#: log2 of its page size.
_PAGE = 12
#: The most patterns that it keeps before it merges some.
_PATTERNS = 20
_MAX_VALUE = 1 << 16

_SIZE = r"\(?[0-9][0-9.]{0,9} ?[KMGTP]i?B\)"
#: An error as users type it, and as the table shows it: CPU, pass, test, address, details.
_SINGLE = (
    rf"(?P<at>(?:0[xX])?[0-9a-fA-F]{{6,16}}) {{0,4}}{_SIZE},? {{1,8}}"
    r"[Tt]est[ #]{1,4}(?P<by>[0-9]{1,2})"
)
_TABLE = (
    r"[ |]*[0-9]{1,4} +[0-9]{1,9} +(?P<test>[0-9]{1,2}) +"
    rf"(?P<address>[0-9a-fA-F]{{9,16}}) {_SIZE}(?P<rest>.*)"
)
#: Versions up to 5: test, pass, address, megabytes.
_OLD = r"[ |]*(?P<oldtest>[0-9]{1,2}) +[0-9]{1,9} +(?P<old>[0-9a-fA-F]{8,16}) - +[0-9.]{1,12}MB "
_ERROR = late(f"{_SINGLE}|^{_TABLE}|^{_OLD}")
#: An address behind one: a copy has lost line ends.
_ANOTHER = late(
    rf"[0-9a-fA-F]{{6,16}} {{0,4}}{_SIZE}|[0-9a-fA-F]{{8,16}} - {{1,20}}[0-9.]{{1,12}}MB "
)
#: The same with something else in place of the address.
_DAMAGED = late(
    rf"^[ |]*[0-9]{{1,4}} +[0-9]{{1,9}} +[0-9]{{1,2}} +\S{{1,20}} {_SIZE}"
    rf"|\S{{6,20}} {{0,4}}{_SIZE},? {{1,8}}[Tt]est[ #]{{1,4}}[0-9]"
)
#: The serial log of memtest86+ 9, which has only the first error of each test.
_LOGGED = late(
    r"\bMTLOG ts=[0-9.]{1,20} ev=error type=(?P<type>\w{1,20}) test=(?P<test>[0-9]{1,2}) .{0,40}?"
    r"\baddr=0x(?P<address>[0-9a-f]{1,16}) "
)
_LOGGED_DAMAGED = late(r"\bMTLOG .{0,30}\bev=error\b")
#: MemTest86's log, and the last errors in its report.
_PASSMARK = late(
    r"\[(?:MEM ERROR - \w{1,20}|(?:Data|ECC) Error)\] Test: (?P<test>[0-9]{1,2}), "
    r"(?:CPU: [0-9]{1,5}, )?Address: (?P<address>(?:0x)?[0-9a-fA-F]{1,16})(?=[,\s])"
    r"(?P<rest>(?:(?!\[MEM ERROR).){0,200})"
)
_PASSMARK_SIGN = r"\[(?:MEM ERROR - \w{1,20}|(?:Data|ECC) Error)\] Test: "
_PASSMARK_DAMAGED = late(_PASSMARK_SIGN)
_LIMIT = late(r"(?:Lowest|Highest) Error Address[ :|]*(?:0[xX])?0*[1-9a-fA-F]")
#: In a report the number is in the next line.
_LIMIT_BEGUN = late(r"(?:Lowest|Highest) Error Address[ :|]*$")
_LIMIT_NUMBER = late(r"[ |]*0[xX]0*[1-9a-fA-F]")
_COUNTED = late(
    r"(?:Errors|Err): *[1-9][0-9]{0,11}\b|Status: Failed!|Final Result: FAIL"
    r"|\bMTLOG .{0,200}\b(?:status=fail|errors=[1-9])|cumulative error count: [1-9]"
)
_BADRAM = late(r"(?<![\w.-])badram=(.*)")
_MEMMAP = late(r"(?<![\w.-])memmap=(.*)")
_PAGES = late(
    r"[ |]*(?:[Bb]ad ?pages[:=] *)?(0[xX][0-9a-fA-F]+(?:\.\.0[xX][0-9a-fA-F]+)?(?:,.*|[ |]*))"
)
_NUMBER = late(r"0[xX]([0-9a-fA-F]{1,16})")

#: The most lists. A screen has one; a serial console gets a new one with each new error, but nobody
#: lets a machine run until it has so many.
MAX_LISTS = 1 << 15
#: Lists that continue in the next line if a comma ends the line.
_LISTED = late(r"badram=|memmap=|^[ |]*0[xX][0-9a-fA-F.xX]+,")
#: Lines that are read, and lines that continue in the next one.
_WANTED = late(
    r"badram=|memmap=|\(excludes test|0[xX][0-9a-fA-F]|[KMGTP]i?B\)|[0-9.]MB |Error Address"
    r"|Err(?:ors)?:|Status:|MTLOG |cumulative error count: |\] Test: |Final Result:"
    r"|,[ |]*$",
    re.MULTILINE,
)
#: Where a row begins: a row drawn by cursor movements begins behind CR.
_ROW = r"(?:^|\r)"
_LISTS = (
    r"(?:BadRAM Patterns|Linux memmap|Bad pages) \(excludes test",
    rf"{_ROW}[ |>]*badram=",
    rf"{_ROW} *Memtest86\+ v?[0-9]",
    r"0[xX][0-9a-fA-F]{1,16}\.\.0[xX][0-9a-fA-F]",
    r"(?:Lowest|Highest) Error Address",
    r"\bMTLOG ts=[0-9.]{1,20} ev=",
    _PASSMARK_SIGN,
    r"\bMtSupportRunAllTests - ",
    r"memmap=(?:0x[0-9a-f]{1,16}\$0x[0-9a-f]{1,16},){1,20}0x[0-9a-f]{1,16},0x",
)
_ERRORS = tuple(
    re.sub(r"\?P<\w+>", "?:", text) for text in (_SINGLE, f"{_ROW}{_TABLE}", f"{_ROW}{_OLD}")
)
_SIGN = Sign(
    (
        b"badram=",
        b"(excludes test",
        b"emtest86+",
        b"..0",
        b"Error Address",
        b"memmap=0x",
        b"B) ",
        b"B), ",
        b"MB ",
        b"MTLOG ",
        b"] Test: ",
        b"MtSupport",
    ),
    late("|".join(_LISTS + _ERRORS).encode(), re.MULTILINE),
)


class Memtest86Plus(TextForm):
    """The form, see the module."""

    name = "memtest86plus"
    about = "a screen or serial log of memtest86+; a log or report of MemTest86 (PassMark)"
    sign = _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages, of kind ``uncorrected``, or ``corrected`` for ECC errors.

        Raises InputError for a damaged list.
        """
        found = Collector(file.shown, self.name, asked, "address")
        screen = _Screen(found)
        for number, line in _joined(numbered(file, _WANTED, screen=True)):
            screen.line(line, f"line {number}")
        if screen.announced is not None and not screen.about_errors:
            found.unusable("a list is announced, and none can be read", screen.announced)
        elif screen.counted is not None and not screen.about_errors:
            found.unusable("errors are counted, but none has an address", screen.counted)
        return found.finish()


def _joined(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield numbered lines; a list that ends in a comma is joined with the line below."""
    parts: list[str] = []  # of the list that is open
    start = last = size = 0
    for number, line in lines:
        if parts and number != last + 1:
            yield start, "".join(parts)
            parts = []
        if parts:
            parts[-1] = parts[-1].rstrip(" |")
            parts.append(line.lstrip(" |"))
        else:
            parts, start, size = [line], number, 0
        last, size = number, size + len(line)
        end = parts[-1].rstrip(" |")
        ended = not end.endswith(",") if end or len(parts) == 1 else False
        if ended or size > _MAX_VALUE or not _LISTED.search(parts[0]):
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


class _Screen:
    """Reads the lines of a screen or log into a collector.

    Attributes:
        counted: The first place where errors are only counted, None for none.
        about_errors: Whether any line was about single errors or a list of them.
    """

    def __init__(self, found: Collector) -> None:
        self._found = found
        self.counted: str | None = None
        self.announced: str | None = None
        self.about_errors = False
        self._lists = 0
        self._limit = False

    def line(self, line: str, where: str) -> None:
        """Read a line."""
        found = self._found
        limit, self._limit = self._limit, _LIMIT_BEGUN.search(line) is not None
        if "] Test: " in line and _PASSMARK_DAMAGED.search(line):
            self.about_errors = True
            self._passmark(line, where)
        elif "ev=error" in line and _LOGGED_DAMAGED.search(line):
            self.about_errors = True
            self._logged(_LOGGED.search(line), where)
        elif match := _ERROR.search(line):
            self.about_errors = True
            self._error(match, where)
            if _ANOTHER.search(line, max(map(match.end, ("at", "address", "old")))):
                found.unusable("another error stands on its line", where)
        elif "B)" in line and _DAMAGED.search(line):
            self.about_errors = True
            found.unusable("the address of an error is damaged", where)
        elif _LIMIT.search(line) or (limit and _LIMIT_NUMBER.match(line)):
            self.about_errors = True
            found.unusable("the lowest and the highest address are only limits", where)
        elif match := _BADRAM.search(line):
            from hwpkho.badpages.boot_settings import badram

            badram(found, self._list(match[1], where), where, "uncorrected")
        elif match := _MEMMAP.search(line):
            self._regions(self._list(match[1], where), where)
        elif match := _PAGES.fullmatch(line):
            self._pages(self._list(match[1], where), where)
        elif _COUNTED.search(line):
            self.counted = self.counted or where
        if "(excludes test" in line:
            self.announced = self.announced or where

    def _list(self, text: str, where: str) -> str:
        """Return the value of a list without backslashes, and without frame and comma at its end.

        Reports the comma: more rows follow one.
        """
        self.about_errors = True
        self._lists += 1
        if self._lists > MAX_LISTS:
            raise self._damaged(f"more than {MAX_LISTS} lists; a screen has one", where)
        value = text.rstrip(" |")
        if value.endswith(","):
            message = "the list ends in a comma: its next row is missing"
            self._found.problem(ENTRY_UNUSABLE, message, where)
        return value.rstrip(" |,").replace("\\", "")

    def _passmark(self, line: str, where: str) -> None:
        """Read all errors of a line: people paste several into one."""
        named = list(_PASSMARK.finditer(line))
        if len(named) < len(_PASSMARK_DAMAGED.findall(line)):
            self._found.unusable("the address of an error is damaged", where)
        for match in named:
            test, address = int(match["test"]), int(match["address"], 16)
            if test in _INEXACT_PASSMARK:
                self._found.unusable(f"test {test} does not give the exact address", where)
            else:
                corrected = "ECC Corrected: yes" in match["rest"]
                kind: Kind = "corrected" if corrected else "uncorrected"
                self._found.addresses(address, address, kind, where=where)

    def _logged(self, match: re.Match[str] | None, where: str) -> None:
        self._found.note("the serial log has the first error of each test only; more are counted")
        if match is None:
            self._found.unusable("the address of an error is damaged", where)
        elif int(match["test"]) in _INEXACT:
            self._found.unusable(f"test {match['test']} does not give the exact address", where)
        elif match["type"].lower() in ("addr", "address", "data"):
            address = int(match["address"], 16)
            self._found.addresses(address, address, "uncorrected", where=where)
        else:
            self._found.unusable(f"an error of type {match['type']}, which is not known", where)

    def _error(self, match: re.Match[str], where: str) -> None:
        test = int(match["by"] or match["test"] or match["oldtest"])
        address = int(match["at"] or match["address"] or match["old"], 16)
        rest = match["rest"] or ""
        if "Parity error" in rest:
            self._found.unusable("a parity error is near its address, not at it", where)
        elif test in _INEXACT:
            self._found.unusable(f"test {test} does not give the exact address", where)
        else:
            kind: Kind = "corrected" if "Correctable ECC" in rest else "uncorrected"
            self._found.addresses(address, address, kind, where=where)

    def _regions(self, value: str, where: str) -> None:
        """Read ``SIZE$ADDRESS`` in bytes; in the manual only the first item has its ``$``."""
        numbers = [self._number(word, where) for word in re.split(r"[,$]", value)]
        if len(numbers) % 2:
            raise self._damaged("the last size has no address", where)
        for size, start in zip(numbers[::2], numbers[1::2], strict=True):
            if not size or start + size > PHYS_END:
                raise self._damaged(f"0x{size:x} bytes at 0x{start:x} are not a region", where)
            self._found.addresses(start, start + size - 1, "uncorrected", where=where)
        self._merged(len(numbers) // 2)

    def _pages(self, value: str, where: str) -> None:
        """Read PFNs of 4 KiB pages, and ranges of them with ``..``, ends inclusive."""
        words = value.split(",")
        for word in words:
            first, dots, last = word.partition("..")
            low = self._number(first, where)
            high = self._number(last, where) if dots else low
            if high < low or high >= PHYS_END >> _PAGE:
                raise self._damaged(f"0x{low:x} to 0x{high:x} is not a range of pages", where)
            start, end = low << _PAGE, (high + 1 << _PAGE) - 1
            self._found.addresses(start, end, "uncorrected", where=where)
        self._merged(len(words))

    def _merged(self, count: int) -> None:
        if count >= _PATTERNS:
            self._found.note(
                f"memtest86+ merges what is more than {_PATTERNS} regions: some pages may be good"
            )

    def _number(self, word: str, where: str) -> int:
        match = _NUMBER.fullmatch(word.strip())
        if match is None:
            shown = printable(word.strip()[:40])
            raise self._damaged(f"'{shown}' is not a number (0x…)", where)
        return int(match[1], 16)

    def _damaged(self, what: str, where: str) -> InputError:
        return InputError(f"{self._found.name}: {where}: {what}")


FORM = Memtest86Plus()
