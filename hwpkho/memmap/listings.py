"""Checks for tables that firmware, boot loaders and sysfs print on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes.memmap import CUT
from hwpkho.codes.memmap_forms import DESCRIPTORS_OVERLAP
from hwpkho.memmap import efi, gaps

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.table import Table

#: Types that may be RAM: where two of these overlap, one is wrong.
_RAM = efi.USABLE | {"usable", "dram_bank", "persistent", "unaccepted"}


class Fragments:
    """Finds a row of a table that is cut off after a few letters.

    ``CONV`` alone counts as a damaged row only between two rows.
    """

    def __init__(self, beginning: re.Pattern[str]) -> None:
        self._beginning = beginning
        self._found: tuple[int, str] | None = None

    def odd(self, number: int, line: str) -> None:
        """Take a line below a row that is not a row itself."""
        if self._beginning.search(line):
            self._found = (number, line)

    def row(self, number: int) -> tuple[int, str] | None:
        """Return a cut-off row one or two lines above line ``number``, once; None for none."""
        found, self._found = self._found, None
        return found if found and number - 2 <= found[0] < number else None


def lose_attributes(table: Table | None, line: int) -> None:
    """Record that the last entry's attributes may be cut off: the input ends within its line.

    Only where other usable memory is write-back and this entry is not: on arm64 that decides
    whether it is RAM.
    """
    if table is None or not table.entries:
        return
    *others, last = [(e, e.attributes.get("attr")) for e in table.entries]
    entry, attr = last
    usual = any(e.type in efi.USABLE and isinstance(a, int) and a & efi.WB for e, a in others)
    if usual and entry.type in efi.USABLE and isinstance(attr, int) and not attr & efi.WB:
        message = f"line {line}: the input ends within the attributes of this line"
        gaps.lose(table, CUT, message, span=(entry.start, entry.end))


def lose_overlaps(tables: Iterable[Table], names: Iterable[str]) -> None:
    """Record where ranges of the tables called ``names`` overlap and say different things.

    Do not use it for a BIOS's own e820 map, which may overlap: the kernel resolves that.
    """
    wanted = frozenset(names)
    for table in tables:
        if table.name in wanted:
            for place in gaps.overlapping(table.entries, _alike):
                where = f"line {table.line}: " if table.line else ""
                message = f"{where}ranges of {table.name} overlap: {gaps.shown(place)}"
                gaps.lose(table, DESCRIPTORS_OVERLAP, message, span=place)


def _alike(one: Entry, other: Entry) -> bool:
    """Tell whether an overlap of two ranges is harmless: the same type, and not RAM."""
    return one[:3] == other[:3] or (one.type == other.type and other.type not in _RAM)
