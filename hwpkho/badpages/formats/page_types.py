"""``page-types -b hwpoison -l``: page flags as the kernel's own tool prints them.

A line has a first PFN, a count (both hex without ``0x``) and a letter for each flag. With ``-L``
there is no count; ``-p``, ``-f`` and others put columns in front, which the heading names. Only
lines with the letter for hwpoison count. The summary names no page.

Source: tools/mm/page-types.c (show_page_range, show_page, show_summary).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.collector import Collector, in_range
from hwpkho.badpages.form import TextForm
from hwpkho.badpages.lines import numbered
from hwpkho.badpages.signs import Sign
from hwpkho.base.counting import counted
from hwpkho.base.late import late
from hwpkho.base.reading import HEAD
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

_HWPOISON = 1 << 19
_HEADING = late(r"\s*(?:(?:voffset|foffset|cgroup|map-cnt)\s+)*offset\s+(?:len\s+)?flags\s*")
#: The heading behind other text, such as a logger's prefix; every line then has that.
_BEHIND = late(r".{1,200}?\s((?:(?:voffset|foffset|cgroup|map-cnt)\t)*offset\t(?:len\t)?flags)\s*")
_SIGN = Sign(
    (b"flags",),
    late(
        rb"[ \t]offset\t(?:len\t)?flags[ \t]*$"
        rb"|^[ \t]*(?:(?:voffset|foffset|cgroup|map-cnt)[ \t]+)*offset[ \t]+(?:len[ \t]+)?"
        rb"flags[ \t]*$"
        rb"|^[ \t]*flags[ \t]+page-count[ \t]+MB",
        re.MULTILINE,
    ),
)
_FLAGS = late(r"(?=.*_)[A-Za-z0-9_]{20,64}")
#: Headings, lines of the summary, lines with the letter for hwpoison, and lines without flags.
_WANTED = late(
    r"offset|page-count|^[ \t]*0x[0-9a-fA-F]+[ \t]+[0-9]|_[A-Za-z0-9_]*X|X[A-Za-z0-9_]*_"
    r"|^[ \t]*@?[0-9a-fA-F]{1,16}(?:[ \t]+@?[0-9a-fA-F]{1,16}){0,2}[ \t\r]*$",
    re.MULTILINE,
)
#: The most lines that may be cut off.
_MAX_CUT = 1 << 12
_COLUMN = late(r"@?[0-9a-fA-F]{1,16}")
_SUMMARY = late(r"\s*0x([0-9a-fA-F]{1,16})\s+([0-9]{1,18})\s+[0-9]+\s+\S")
_SUMMARY_HEADING = late(r"\s*flags\s+page-count\s+MB")


class PageTypes(TextForm):
    """The form, see the module."""

    name = "page-types"
    about = "`page-types -b hwpoison -l` (or `-L`) of the kernel's tools/mm"
    sign = _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages, of kind ``poisoned``.

        Raises InputError where there is only a summary, or no line of page-types.
        """
        found = Collector(file.shown, self.name, asked)
        columns: list[str] | None = None
        behind = False
        listed = summed = cut = 0
        where = known = None
        for number, line in numbered(file, _WANTED):
            if _HEADING.fullmatch(line):
                columns, known, behind = line.split(), number, False
            elif match := _BEHIND.fullmatch(line):
                columns, known, behind = match[1].split(), number, True
            elif match := _SUMMARY.match(line):
                known = number
                if int(match[1], 16) & _HWPOISON:
                    summed, where = summed + int(match[2]), where or f"line {number}"
            elif _SUMMARY_HEADING.match(line):
                known = number
            elif (words := _words(line, behind)) and _FLAGS.fullmatch(words[-1]):
                known = number
                if "X" in words[-1]:
                    listed += _of_line(found, words, columns, f"line {number}")
            elif known and columns and _cut(words):
                cut += 1
                if cut > _MAX_CUT:
                    raise InputError(f"{file.shown}: line {number}: more than {_MAX_CUT} cut lines")
                found.unusable("the line is cut: no flags", f"line {number}")
        if known is None and not _any_flags(file):
            raise InputError(f"{file.shown}: no line of page-types")
        if summed > listed:
            there = counted(listed, "is", "are")
            found.unusable(f"the summary counts {counted(summed, 'page')}, {there} listed", where)
        return found.finish()


def _words(line: str, behind: bool) -> list[str]:
    """Return the columns of a line; ``behind`` other text they are divided by tabs."""
    if not behind:
        return line.split()
    before, *rest = line.rstrip().split("\t")
    return [*before.split()[-1:], *rest]


def _any_flags(file: FileBytes) -> bool:
    """Tell whether the file begins with lines of page-types, though without hwpoison."""
    head = bytes(file.read(0, min(HEAD, file.size))).decode("utf-8", "replace")
    return any(_FLAGS.fullmatch(line.split()[-1]) for line in head.splitlines() if line.strip())


def _cut(words: list[str]) -> bool:
    return 0 < len(words) <= 3 and all(map(_COLUMN.fullmatch, words[:2]))


def _of_line(found: Collector, words: list[str], columns: list[str] | None, where: str) -> int:
    """Add the pages of a line to ``found``; return how many."""
    if columns is None and len(words) in (2, 3):
        columns = ["offset", "len", "flags"] if len(words) == 3 else ["offset", "flags"]
    if columns is None or len(columns) != len(words) or not all(map(_COLUMN.fullmatch, words[:-1])):
        found.unusable("the columns are not those of the heading: offset, len, flags", where)
        return 0
    at = columns.index("offset")
    first = int(words[at], 16)
    count = int(words[at + 1], 16) if columns[at + 1] == "len" else 1
    if not count or not in_range(first + count - 1):
        found.unusable(f"0x{count:x} pages from 0x{first:x} are not a range", where)
        return 0
    found.pages(first, first + count - 1, "poisoned", where=where)
    return count


FORM = PageTypes()
