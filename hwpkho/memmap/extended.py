"""x86's extended map against the firmware's of the same boot: they describe the same memory.

Source: arch/x86/kernel/e820.c, e820__reserve_setup_data(): the second is the first, split where
the boot loader's setup_data lies. e820__memory_setup_extended() adds entries past the 128th.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.base.ranges import difference, intersection, union
from hwpkho.codes import problem
from hwpkho.codes.memmap_gaps import FIRMWARE_DISAGREES
from hwpkho.codes.memmap_view import MAP_PARTIAL
from hwpkho.memmap import gaps
from hwpkho.memmap.formats.setup_data_e820 import SetupDataE820

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.table import Table

#: The extended map, and the maps that it continues.
NAME, CONTINUED = "e820_setup_data", ("zero_page", "e820_firmware")

#: Entries that the zero page holds; with more, only the extended map has them all.
_MOST = 128

#: Smaller differences are ignored, bytes.
_PAGE = 4096


def compare(firmware: Table | None, extended: Table | None) -> None:
    """Record lost lines where only one of two maps describes memory, or they differ about RAM.

    A place in a known gap of either is not reported again. Call this after :func:`gaps.settle`; it
    settles what it finds itself.
    """
    if firmware is None or extended is None or len(firmware.entries) >= _MOST:
        return
    open_ = gaps.known([*firmware.gaps, *extended.gaps])
    for one, other in ((firmware, extended), (extended, firmware)):
        for start, end in _differing(other, one):
            if any(intersection([(start, end)], open_)):
                continue
            place = start, end - 1
            message = (
                f"line {one.line}: {one.name} and {other.name} (line {other.line}) differ at "
                f"{gaps.shown(place)}: one of them has lost lines"
            )
            gaps.lose(one, FIRMWARE_DISAGREES, message, span=place)
    for table in (firmware, extended):
        gaps.settle(table)


def lacking(maps: Iterable[Table]) -> list[Problem]:
    """Return what to say of a SETUP_E820_EXT without the table that it continues."""
    by_name = {m.name: m for m in maps}
    more = by_name.get(NAME)
    alone = more is not None and not any(name in by_name for name in CONTINUED)
    if more is None or not alone or more.form != SetupDataE820.name:
        return []
    message = "SETUP_E820_EXT holds only what did not fit into the zero page: give that, too"
    return [problem(MAP_PARTIAL, message)]


def whole(map_: Map, maps: Iterable[Map]) -> Map:
    """Return ``map_`` with the entries for which it had no room: those of the extended map.

    ``maps`` are all maps of its boot. A table of fewer entries than the zero page holds is whole.
    """
    more = next((m for m in maps if m.name == NAME and m.boot == map_.boot), None)
    full = map_.name == "zero_page" or len(map_.entries) >= _MOST
    if more is None or map_.name not in CONTINUED or not full:
        return map_
    both = (*map_.entries, *more.entries)
    return replace(map_, entries=both, gaps=(*map_.gaps, *more.gaps))


def _ranges(table: Table, *, ram: bool) -> list[Range]:
    return union((e.start, e.end + 1) for e in table.entries if (e.type == "usable") == ram)


def _differing(these: Table, others: Table) -> list[Range]:
    """Return what one map has, a page at least, that the other does not have of the same kind."""
    return sorted(
        (start, end)
        for ram in (True, False)
        for start, end in difference(_ranges(these, ram=ram), _ranges(others, ram=ram))
        if end - start >= _PAGE
    )
