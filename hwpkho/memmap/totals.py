"""Compares the totals at the end of an EFI shell memmap with the sum of its lines.

Source: EDK2 ShellPkg/Library/UefiShellDebug1CommandsLib/MemMap.c (STR_MEMMAP_LIST_SUMM and
STR_MEMMAP_LIST_SUMM_SFO). Until 2016 persistent memory counted as available.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.ranges import difference, union
from hwpkho.codes.memmap_forms import TOTALS_DIFFER
from hwpkho.memmap import efi, gaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.memmap.table import Table


def check(table: Table, totals: Mapping[str, int], line: int) -> None:
    """Record the lines that a table has lost, according to its totals.

    Args:
        table: With all its entries and lost lines.
        totals: Pages of 4 KiB by type of hwpkho.memmap/1, for the types that have a total.
        line: Number of the first total's line, for messages.

    A type with too few pages has lost lines. They are where lines are known to be lost or, if that
    is too little room, anywhere between the entries. With too many pages, some line of that type
    has the wrong type.
    """
    sums: dict[str, int] = {}
    for entry in table.entries:
        pages = (entry.end - entry.start + 1) // efi.PAGE
        sums[entry.type] = sums.get(entry.type, 0) + pages
    unsure: dict[str, int] = {}
    for loss in table.lost_lines:
        for entry in table.entries[loss.at : loss.at + loss.replaced]:
            pages = (entry.end - entry.start + 1) // efi.PAGE
            unsure[entry.type] = unsure.get(entry.type, 0) + pages
    lacking, shown = 0, []
    for type_, total in totals.items():
        found = sums.get(type_, 0)
        if found == total or (
            type_ == "conventional"
            and not totals.get("persistent")
            and found + sums.get("persistent", 0) == total
        ):
            continue
        shown.append(f"0x{total:x} pages of {type_} where the lines have 0x{found:x}")
        if found < total:
            lacking += total - found
        elif found - total > unsure.get(type_, 0):
            _doubt(table, type_, found - total, f"line {line}: {shown[-1]}")
    room = sum(b - a + 1 for a, b in gaps.places(table)) // efi.PAGE
    if lacking > room:
        message = f"line {line}: the totals say {', '.join(shown[:3])}"
        for place in _holes(table):
            gaps.lose(table, TOTALS_DIFFER, message, span=place)


def _doubt(table: Table, type_: str, excess: int, message: str) -> None:
    """Record that entries of a type, none longer than ``excess`` pages, may be of another."""
    for entry in table.entries:
        if entry.type == type_ and (entry.end - entry.start + 1) // efi.PAGE <= excess:
            gaps.lose(table, TOTALS_DIFFER, message, span=(entry.start, entry.end))


def _holes(table: Table) -> list[gaps.Place]:
    """Return the holes between the entries, a page or more each; very many as one range."""
    end = gaps.TOP + 1
    holes = difference([(0, end)], union((e.start, e.end + 1) for e in table.entries))
    out = [(a, b - 1) for a, b in holes if b - a >= efi.PAGE or b == end]
    return out if len(out) <= gaps.MAX_GAPS // 2 else [(out[0][0], out[-1][1])]
