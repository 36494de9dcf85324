"""A table of poisoned memory compared with a list of bad pages, or with another table.

The table cannot be exact: a unit of a bitmap is larger than a page. A comparison shows which listed
pages no set unit covers, and which set units hold no listed page.

Tables are compared by unit, on one grid: the coarsest unit, from the lowest base on, which is
rounded down to that unit. :mod:`hwpkho.efi.write` says why the finer grid fits into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import PHYS_END, align_down, page_shift
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.base.ranges import difference, intersection, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.efi.model import PoisonTable


class Comparison(NamedTuple):
    """Where a table and a list differ.

    Attributes:
        uncovered: Listed PFNs that no set unit, or no entry, covers.
        unlisted: How many set units hold no listed page; where the table is a list, how many of
            its pages are not listed.
        first: Physical address of the first of these units or pages, None without one.
    """

    uncovered: PfnSet
    unlisted: int
    first: int | None


class HeldAgainst(NamedTuple):
    """A table of poisoned memory compared with a list of bad pages of the same machine.

    Attributes:
        name: The list, printable.
        pages: Distinct pages of the list.
        held: Which of them no set unit covers, and how many units hold none of them; None where
            the table cannot be read.
    """

    name: str
    pages: int
    held: Comparison | None

    def to_json(self) -> dict[str, object]:
        """Return it as the document has it."""
        held = self.held
        return {
            "name": self.name,
            "pages": self.pages,
            "uncovered": None
            if held is None
            else [a if a == b else [a, b] for a, b in held.uncovered],
            "unlisted": None if held is None else held.unlisted,
        }


class Units(NamedTuple):
    """Two sides compared by unit: a table with a bitmap, and another or a list of pages.

    Attributes:
        unit_size: Bytes.
        phys_base: Address of unit 0 of the grid.
        removed: Units that are set on the first side only. Where that is a table and the second
            side a list: set units that hold no page of the list.
        added: The same of the second side.
        common: How many units are set on both sides, or hold a page of the list.
        uncovered: PFNs of the list that no set unit covers, None between two tables.
        bare: PFNs under set units that hold no page of the list, None between two tables.
        good: How many pages under set units that hold a page of the list are not listed, None
            between two tables.
    """

    unit_size: int
    phys_base: int
    removed: PfnSet
    added: PfnSet
    common: int
    uncovered: PfnSet | None = None
    bare: PfnSet | None = None
    good: int | None = None


class OneGrid(NamedTuple):
    """Tables with bitmaps, brought to one grid.

    Attributes:
        unit_size: Bytes: the coarsest unit of the tables.
        phys_base: Address of unit 0: the lowest base, rounded down to the unit.
        units: The set units of each table, in the order given.
    """

    unit_size: int
    phys_base: int
    units: tuple[PfnSet, ...]

    def pages(self, first: int, last: int, page_size: int) -> tuple[int, int]:
        """Return the first and the last PFN that the units ``first`` to ``last`` touch.

        All ends are inclusive, ``page_size`` is in bytes.
        """
        shift, start = page_shift(page_size), self.phys_base + first * self.unit_size
        end = min(self.phys_base + (last + 1) * self.unit_size, PHYS_END)
        return start >> shift, end - 1 >> shift


def one_grid(tables: Sequence[PoisonTable]) -> OneGrid:
    """Return tables with bitmaps on one grid."""
    headers = [t.header for t in tables if t.header is not None]
    unit = max(h.unit_size for h in headers)
    base = align_down(min(h.phys_base for h in headers), unit)
    return OneGrid(unit, base, tuple(_on_grid(t.ranges(), base, unit) for t in tables))


def by_unit(before: PoisonTable, after: PoisonTable) -> Units:
    """Return the comparison of two tables with bitmaps, on one grid."""
    unit, base, (old, new) = one_grid((before, after))
    return Units(unit, base, old - new, new - old, (old & new).pages())


def by_page(table: PoisonTable, listed: PfnSet, page_size: int, *, first: bool) -> Units:
    """Return the comparison of a table with a bitmap and a list, PFNs of ``page_size`` bytes.

    ``first``: the table is the first of the two. Raises ValueError for a table without a bitmap.
    """
    if table.header is None:
        raise ValueError("a table without units")
    base, unit, shift = table.header.phys_base, table.header.unit_size, page_shift(page_size)
    known = ((a << shift, b + 1 << shift) for a, b in listed)
    held = _on_grid(((max(a, base), b) for a, b in known if b > base), base, unit)
    every = pfn_set(of_runs((a, b - 1) for a, b in table.set_units()))
    bare = every - held
    pages, under = pfn_set(table.pages(page_size)), _pages(bare, base, unit, shift)
    covered = (listed & pages).pages()
    alone, none = under - listed, PfnSet()
    return Units(
        unit,
        base,
        bare if first else none,
        none if first else bare,
        (every & held).pages(),
        listed - pages,
        alone,
        pages.pages() - alone.pages() - covered,
    )


def _on_grid(ranges: Iterable[Range], base: int, unit: int) -> PfnSet:
    """Return the units that ranges of bytes touch; none of the ranges is below ``base``."""
    return pfn_set(of_runs(((a - base) // unit, (b - base - 1) // unit) for a, b in ranges))


def _pages(units: PfnSet, base: int, unit: int, shift: int) -> PfnSet:
    """Return the PFNs of the pages that units touch."""
    ends = ((base + a * unit, min(base + (b + 1) * unit, PHYS_END)) for a, b in units)
    return pfn_set(of_runs((a >> shift, b - 1 >> shift) for a, b in ends if a < b))


def against(table: PoisonTable, listed: PfnSet, page_size: int) -> Comparison:
    """Return the comparison of a table with ``listed``, PFNs of ``page_size`` bytes."""
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
