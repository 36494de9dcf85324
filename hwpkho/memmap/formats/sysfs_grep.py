"""/sys/firmware/memmap as ``grep -r .`` prints it: ``…/memmap/0/start:0x0``, in any order.

Source: as :mod:`hwpkho.memmap.formats.sysfs_memmap`; grep(1) puts the file name and a colon before
each line, head(1) and tail(1) put ``==> NAME <==`` on a line of its own above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.late import late
from hwpkho.codes.memmap import CUT
from hwpkho.memmap import gaps
from hwpkho.memmap.formats.base import LineForm
from hwpkho.memmap.formats.sysfs_memmap import FIELDS, Values

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

_PLACE = rf"(?P<folder>(?:\S*/)?)(?P<number>[0-9]{{1,6}})/(?P<field>{'|'.join(sorted(FIELDS))})"
_LINE = late(rf"(?:^|(?<=\s)){_PLACE}:(?:1:)?(?P<value>.*)$")  # grep -n counts lines
_HEADING = late(rf"==> {_PLACE} <==\s*$")


class SysfsGrep(LineForm):
    """Lines of ``grep -r . /sys/firmware/memmap``, and of runtime-map; also of head and tail."""

    name = "sysfs-memmap-grep"
    about = "the output of grep -r . /sys/firmware/memmap, or of tail -n +1 with all its files"
    needles = (rf"/(?:{'|'.join(sorted(FIELDS))})(?::| <=)".encode(),)

    def __init__(self) -> None:
        """Begin a log."""
        self._values = Values("grep of /sys/firmware/memmap")
        self._first: int | None = None
        self._heading: re.Match[str] | None = None
        self._taken = 0
        self._folder = ""
        self._cut: int | None = None

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        heading, self._heading = self._heading, None
        if found := _HEADING.search(line):
            self._heading = found
        elif heading:
            self._add(number, heading, line)
        elif match := _LINE.search(line):
            self._add(number, match, match["value"])
        return self._heading is not None

    def _add(self, number: int, match: re.Match[str], value: str) -> None:
        if self._first is None:
            self._first = number
        self._taken += 1
        self._folder = match["folder"]
        self._values.add(
            match["folder"].rstrip("/"),
            int(match["number"]),
            match["field"],
            value,
            f"line {number}",
        )

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`: within the name of another file."""
        path = line.strip().removeprefix("==>").lstrip()
        known = self._folder and path and not _LINE.search(line)
        if known and (path.startswith(self._folder) or self._folder.startswith(path)):
            self._cut = number

    def taken(self) -> int:
        """See :meth:`LineReader.taken`."""
        return self._taken

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`."""
        maps = self._values.maps()
        for table in maps:
            table.line = self._first
            if self._cut is not None:
                message = f"line {self._cut}: the input ends within this line"
                behind = max((e.end for e in table.entries), default=-1) + 1
                gaps.lose(table, CUT, message, span=(behind, max(behind, gaps.TOP)))
        return maps
