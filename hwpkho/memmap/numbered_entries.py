"""Entries that a listing numbers: which are missing, and which memory they described."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from hwpkho.codes.memmap import LOST_LINES
from hwpkho.codes.memmap_forms import COUNT_DIFFERS
from hwpkho.memmap import gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hwpkho.memmap.table import Table


def lose_missing(
    table: Table,
    numbers: Sequence[int],
    named: Callable[[int], str],
    where: str = "",
    *,
    unreadable: Collection[int] = (),
    count: int | None = None,
    overlapping: bool = False,
) -> None:
    """Record entries of ``table`` whose numbers are missing.

    Args:
        table: With all its entries.
        numbers: Numbers of its entries, in their order; a whole listing begins with 0.
        named: Returns how messages name the entry of a number: ``MMap[7]``.
        where: What a message begins with: ``line 17: ``.
        unreadable: Numbers of entries that are present but cannot be read.
        count: How many entries the listing says it has, if it does.
        overlapping: The entries may overlap, so the next one does not bound a missing one.
    """
    there = sorted({*numbers, *unreadable})
    ascending = sorted(numbers)
    before = -1
    for number in [*there, max(count or 0, there[-1] + 1 if there else 0)]:
        if number - before > 1:
            first, last = named(before + 1), named(number - 1)
            missing = f"{first} is" if first == last else f"{first} to {last} are"
            code, message = LOST_LINES, f"{where}{missing} missing"
            if there and before == there[-1] and count is not None:
                code = COUNT_DIFFERS
                message = f"{message}, of {count}"
            at = bisect_right(ascending, before)
            span = None
            if overlapping:
                span = (table.entries[at - 1].start if at else 0, gaps.TOP)
            gaps.lose(table, code, message, at=at, span=span)
        before = number
