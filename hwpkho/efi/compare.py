"""A table of poisoned memory held against a list of bad pages of the same machine.

The table cannot be exact: a unit of a bitmap is larger than a page. What can be told is which
listed pages no set unit covers, and which set units hold no listed page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import page_shift
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import difference, intersection, joined

if TYPE_CHECKING:
    from hwpkho.base.pfnset import PfnSet
    from hwpkho.efi.model import PoisonTable


class Comparison(NamedTuple):
    """Where a table and a list differ.

    Attributes:
        uncovered: Listed pages that no set unit covers, or that are no entry.
        unlisted: How many set units hold no listed page; entries of a list likewise.
        first: Physical address of the first of these, None without one.
    """

    uncovered: PfnSet
    unlisted: int
    first: int | None


def against(table: PoisonTable, listed: PfnSet, page_size: int) -> Comparison:
    """Hold a table against ``listed``, PFNs of ``page_size`` bytes."""
    uncovered = listed - pfn_set(table.pages(page_size))
    header, shift = table.header, page_shift(page_size)
    if header is None:
        pages = ((start >> shift, -(-end >> shift)) for start, end in table.ranges())
        known = ((a, b + 1) for a, b in listed)
        bare = list(difference(joined(pages), known))
        first = bare[0][0] << shift if bare else None
        return Comparison(uncovered, sum(b - a for a, b in bare), first)
    base, unit = header.phys_base, header.unit_size
    held = joined(
        (max(0, (a << shift) - base) // unit, ((b + 1 << shift) - base - 1) // unit + 1)
        for a, b in listed
        if b + 1 << shift > base
    )
    every = list(held)
    known_units = sum(b - a for a, b in intersection(table.set_units(), every))
    alone = next(difference(table.set_units(), every), None)
    first = None if alone is None else base + alone[0] * unit
    return Comparison(uncovered, (table.units() or 0) - known_units, first)
