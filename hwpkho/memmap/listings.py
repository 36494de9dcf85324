"""What is checked in every table that firmware, a boot loader or a copy of sysfs gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes.memmap import CUT
from hwpkho.codes.memmap_forms import DESCRIPTORS_OVERLAP
from hwpkho.memmap import efi, gaps

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.rawmap import RawMap

#: Types that may be RAM: which of two ranges is right makes a difference.
_RAM = efi.USABLE | {"usable", "dram_bank", "persistent", "unaccepted"}


class Fragments:
    """A line within a table that is no more than the beginning of one: told by the next row.

    ``CONV`` alone is no line of a table, unless rows stand before and after it.
    """

    def __init__(self, beginning: re.Pattern[str]) -> None:
        self._beginning = beginning
        self._found: tuple[int, str] | None = None

    def odd(self, number: int, line: str) -> None:
        """Take a line directly below a row that is none."""
        if self._beginning.search(line):
            self._found = (number, line)

    def row(self, number: int) -> tuple[int, str] | None:
        """Return what stands directly above the row at line ``number``, once; None for nothing."""
        found, self._found = self._found, None
        return found if found and number - 2 <= found[0] < number else None


def lose_attributes(table: RawMap | None, line: int) -> None:
    """Record that the last entry's attributes may be cut off: the input ends within its line.

    Where other usable memory is write-back and this is not, which decides on arm64.
    """
    if table is None or not table.entries:
        return
    *others, last = [(e, e.attributes.get("attr")) for e in table.entries]
    entry, attr = last
    usual = any(e.type in efi.USABLE and isinstance(a, int) and a & efi.WB for e, a in others)
    if usual and entry.type in efi.USABLE and isinstance(attr, int) and not attr & efi.WB:
        message = f"line {line}: the input ends within the attributes of this line"
        gaps.lose(table, CUT, message, span=(entry.start, entry.end))


def lose_overlaps(tables: Iterable[RawMap], names: Iterable[str]) -> None:
    """Record where ranges of the tables called ``names`` overlap and say different things.

    Not for what a BIOS gives as it stands: the kernel sorts that out.
    """
    wanted = frozenset(names)
    for table in tables:
        if table.name in wanted:
            for place in gaps.overlapping(table.entries, _alike):
                where = f"line {table.line}: " if table.line else ""
                message = f"{where}ranges of {table.name} overlap: {gaps.shown(place)}"
                gaps.lose(table, DESCRIPTORS_OVERLAP, message, span=place)


def _alike(one: Entry, other: Entry) -> bool:
    """Tell whether it makes no difference which of two ranges is right where they overlap."""
    return one[:3] == other[:3] or (one.type == other.type and other.type not in _RAM)
