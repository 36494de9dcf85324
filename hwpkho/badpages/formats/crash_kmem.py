"""``kmem -p`` of crash: a line for each page, with its physical address and the flags' names.

Source: crash's memory.c (dump_mem_map, translate_page_flags).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import TextForm
from hwpkho.badpages.lines import ends_within_line, numbered
from hwpkho.badpages.signs import Sign
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.base.reading import HEAD
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

_HEADING = late(r"\s*PAGE\s+PHYSICAL\b.*\bFLAGS\s*")
_SIGN = Sign((b"PHYSICAL",), late(rb"^[ \t]*PAGE[ \t]+PHYSICAL[ \t].*FLAGS[ \t]*$", re.MULTILINE))
_OTHER_HEADING = late(r"\s*PAGE\s+(?!PHYSICAL\b)\S")
_WANTED = late(r"PAGE[ \t]+\S|hwpoison|^kmem: ", re.MULTILINE)
#: struct page, physical address; then mapping, index, count; flags in hex and by name.
_LINE = late(r"\s*[0-9a-fA-F]{8,16}\s+([0-9a-fA-F]{1,16})\s+(?:\S+\s+){0,6}?(\S*)\s*")
#: What crash's error() prints where the command fails.
_FAILED = late(r"kmem: (?!WARNING)(\S.{0,99})")
_FLAG = "hwpoison"
#: The first columns of a row, or the part of them in front of a cut.
_BEGUN = late(r"\s*(?:[0-9a-fA-F]{1,16}|[0-9a-fA-F]{8,16}\s+[0-9a-fA-F]{1,16}(?:\s.*)?)\s*")
#: Columns of a row up to the flags in hex; a page with no flag set has no more.
_COLUMNS = 6
#: No row is longer, bytes.
_LONGEST_ROW = 1 << 10


class CrashKmem(TextForm):
    """The form, see the module."""

    name = "crash-kmem"
    about = "`kmem -p` of crash, whole or searched for hwpoison"
    sign = _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages with the flag hwpoison, of kind ``poisoned``.

        Raises InputError where the column PHYSICAL is missing, no line is of ``kmem -p``, or it
        failed before it named a page.
        """
        found = Collector(file.shown, self.name, asked, "address")
        known = False
        for number, line in numbered(file, _WANTED):
            if _HEADING.fullmatch(line):
                known = True
            elif _OTHER_HEADING.match(line):
                raise InputError(
                    f"{file.shown}: line {number}: no column PHYSICAL; give kmem -p without -m"
                )
            elif match := _LINE.fullmatch(line):
                if _FLAG in match[2].split(","):
                    address = int(match[1], 16)
                    found.addresses(address, address, "poisoned", where=f"line {number}")
            elif match := _FAILED.match(line):
                found.unusable(f"kmem failed: {printable(match[1])}", f"line {number}")
            elif re.search(r"(?:^|[\s,])hwpoison(?:,|\s*$)", line):
                known = True
                if not line.lstrip().startswith("crash>"):
                    found.unusable("hwpoison in a line without an address", f"line {number}")
        head = bytes(file.read(0, min(HEAD, file.size))).decode("utf-8", "replace")
        if not known and not any(map(_LINE.fullmatch, head.splitlines())):
            raise InputError(f"{file.shown}: no line of kmem -p")
        _check_end(file, found)
        return found.finish()


def _check_end(file: FileBytes, found: Collector) -> None:
    """Report a row that the text ends within, if its flags so far lack hwpoison."""
    if not ends_within_line(file):
        return
    end = bytes(file.read(max(0, file.size - _LONGEST_ROW), min(_LONGEST_ROW, file.size)))
    *_, line = end.decode("utf-8", "replace").rstrip("\0").splitlines()
    if not _BEGUN.fullmatch(line):
        return
    words = line.split()
    *_, last = words[-1].split(",")
    if len(words) < _COLUMNS or (
        len(words) > _COLUMNS and last != _FLAG and _FLAG.startswith(last)
    ):
        found.unusable("the text ends within this row: its flags are cut off", "last line")
    elif _FLAG not in words[-1].split(","):
        message = "the text ends within this row: the flag hwpoison may be cut off"
        found.problem(ENTRY_UNUSABLE, message, "last line")


FORM = CrashKmem()
