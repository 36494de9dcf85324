"""diff of EFI tables of poisoned memory: by unit, for people and as JSON."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from hwpkho.badpages.sets import describe_history
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.report.parts import efi_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.commands.diff import Comparison
    from hwpkho.efi.compare import Units


#: What happened to a page from one list to the other.
Word = Literal["removed", "added"]


def field(d: Comparison) -> dict[str, Any] | None:
    """Return ``efi`` of ``hwpkho.diff/1``; None if neither case is an EFI table."""
    before, after = d.cases
    if before.table is None and after.table is None:
        return None
    u = d.units
    return {
        "before": efi_table.read(before.table),
        "after": efi_table.read(after.table),
        "unit_size": u.unit_size if u else None,
        "phys_base": u.phys_base if u else None,
        "removed_units": _runs(u.removed) if u else None,
        "added_units": _runs(u.added) if u else None,
        "common_units": u.common if u else None,
        "without_bit": u.uncovered.pages() if u and u.uncovered is not None else None,
        "good_pages": u.good if u else None,
    }


def chain_field(c: Comparison) -> dict[str, Any] | None:
    """Return ``efi`` of ``hwpkho.diff-chain/1``; None unless every case has units."""
    grid, found = c.grid, c.unit_histories()
    if grid is None or found is None:
        return None
    return {
        "cases": [efi_table.read(x.table) for x in c.cases],
        "unit_size": grid.unit_size,
        "phys_base": grid.phys_base,
        "steps": [
            {
                "removed_units": _runs(old - new),
                "added_units": _runs(new - old),
                "common_units": (old & new).pages(),
            }
            for old, new in pairwise(grid.units)
        ],
        "lives": [
            {"first": x.first, "last": x.last, **history(x.seen, len(c.cases))} for x in found
        ],
    }


def history(seen: int, cases: int) -> dict[str, Any]:
    """Return ``seen`` and ``fate`` of a document, for a PFN or unit.

    Bit i of ``seen`` is set if case i of the ``cases`` has it.
    """
    return {
        "seen": [bool(seen >> i & 1) for i in range(cases)],
        "fate": describe_history(seen, cases),
    }


def _runs(units: PfnSet) -> list[int | list[int]]:
    return [a if a == b else [a, b] for a, b in units]


def summary(d: Comparison, units: Units) -> str:
    """Return the result in one line: units and PFNs removed, added, and in both."""
    (change,) = d.changes
    size = human_bytes(units.unit_size)
    common = f"{counted(units.common, 'unit')} of {size}"
    if units.uncovered is None or units.bare is None:
        if change.empty:
            return f"no difference: {common}, {counted(change.common, 'PFN')} in both"
        removed = units.removed.pages()
        return (
            f"{counted(removed, 'unit')} removed, {units.added.pages()} added, {units.common} kept "
            f"(of {size}); {counted(change.removed.pfns.pages(), 'PFN')} removed, "
            f"{change.added.pfns.pages()} added, {change.common} kept"
        )
    rest = f"{counted(change.common, 'bad page')} in {common}"
    rest += f", with {counted(units.good or 0, 'good page')}"
    if change.empty:
        return f"no difference: {rest}"
    without, bare = units.uncovered.pages(), (units.removed | units.added).pages()
    lacks = counted(without, "bad page has", "bad pages have")
    holds = counted(bare, "unit holds", "units hold")
    return f"{lacks} no bit and will be handed out again, {holds} no known bad page; {rest}"


def meaning(d: Comparison, word: Word) -> str | None:
    """Return what it means that a page is on one side only, if one side is an EFI table.

    None for the words that :mod:`hwpkho.report.diff.text` has for two lists.
    """
    if d.units is None or d.units.uncovered is None:
        return None
    side = d.cases[0] if word == "removed" else d.cases[1]
    if side.table is not None and side.table.header is not None:
        return "no known bad page in the unit"
    return "no bit: will be handed out again"


def units_of(d: Comparison, word: Word, first: int, last: int) -> str:
    """Return the units that PFNs ``first`` to ``last`` (inclusive) are in: `` [units 3-4]``.

    Empty if the side that has these PFNs is no table with units.
    """
    side = d.cases[0] if word == "removed" else d.cases[1]
    if side.table is None or side.table.header is None:
        return ""
    shift = page_shift(d.page_size)
    one, two = (side.table.header.unit_of(p) for p in (first << shift, (last + 1 << shift) - 1))
    return unit_names(one, two)


def unit_names(first: int, last: int) -> str:
    """Return numbers of units, ``last`` inclusive, as `` [unit 3]`` or `` [units 3-4]``."""
    return f" [unit {first}]" if first == last else f" [units {first}-{last}]"


def step(sets: Sequence[PfnSet], number: int) -> str:
    """Return how many units table ``number`` of a chain has, and the change from the one before."""
    units = sets[number]
    count = units.pages()
    words = counted(count, "unit")
    if not number:
        return words
    before = sets[number - 1]
    return f"{words} -{(before - units).pages()} +{(units - before).pages()}"
