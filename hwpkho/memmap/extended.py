"""Compares x86's extended map with the firmware's of the same boot: both describe one memory.

Source: arch/x86/kernel/e820.c, e820__reserve_setup_data(): the second is the first, split where
the boot loader's setup_data lies. e820__memory_setup_extended() adds entries past the 128th.
Before the first, setup_arch() calls parse_early_param(): what memmap= and mem= change is in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.base.ranges import difference, holding, intersection, union
from hwpkho.codes import problem
from hwpkho.codes.memmap_gaps import FIRMWARE_DISAGREES
from hwpkho.codes.memmap_view import MAP_PARTIAL
from hwpkho.memmap import gaps
from hwpkho.memmap.formats.setup_data_e820 import SetupDataE820

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.table import Table

#: The extended map, and the maps that it continues: first what the kernel printed.
NAME, CONTINUED = "e820_setup_data", ("e820_firmware", "zero_page")

#: The map that memmap= and mem= have changed; in a boot with one, the extended map is changed, too.
CHANGED = "e820_user"

#: Entries that the zero page holds; with more, only the extended map has them all.
_MOST = 128

#: Smaller differences are ignored, bytes.
_PAGE = 4096


def compare(maps: Mapping[str, Table]) -> None:
    """Record lost lines where only one of two maps describes memory, or they differ about RAM.

    ``maps`` are a boot's, by name; where the command line changed the second, nothing is compared.
    A place in a known gap of either is not reported again. Call this after :func:`gaps.settle`; it
    settles what it finds itself.
    """
    firmware, extended = maps.get("e820_firmware"), maps.get(NAME)
    if firmware is None or extended is None or CHANGED in maps or len(firmware.entries) >= _MOST:
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
    """Return a problem where a SETUP_E820_EXT node lacks the table that it continues."""
    by_name = {m.name: m for m in maps}
    more = by_name.get(NAME)
    alone = more is not None and not any(name in by_name for name in CONTINUED)
    if more is None or not alone or more.form != SetupDataE820.name:
        return []
    message = "SETUP_E820_EXT holds only what did not fit into the zero page: give that, too"
    return [problem(MAP_PARTIAL, message)]


def whole(map_: Map, maps: Iterable[Map]) -> Map:
    """Return ``map_`` with what the extended map has beside it; ``maps`` are all of its machine.

    The kernel appends all of SETUP_E820_EXT to the table, however long that is, and prints both as
    the extended map; what ``map_`` has already is not repeated. Lost lines of the extended map
    become gaps only where ``map_`` is full and does not describe them. An extended map that the
    command line changed is used only beyond the end of a full ``map_``: below, it may be what
    memmap= made of the same memory.
    """
    by_name = {m.name: m for m in maps}
    more = by_name.get(NAME)
    if more is None or map_.name not in CONTINUED:
        return map_
    changed = CHANGED in by_name
    full = len(map_.entries) >= _MOST or (map_.name == "zero_page" and not changed)
    if changed and not full:
        return map_
    behind = max(e.end for e in map_.entries) if changed else -1
    by_type: dict[str, list[Range]] = {}
    for e in map_.entries:
        by_type.setdefault(e.type, []).append((e.start, e.end + 1))
    said = {type_: union(ranges) for type_, ranges in by_type.items()}
    anything = union((e.start, e.end + 1) for e in map_.entries)
    there = [e._replace(start=max(e.start, behind + 1)) for e in more.entries if e.end > behind]
    added = [e for e in there if not _holds(said.get(e.type, []), e.start, e.end)]
    lost = [g for g in more.gaps if full and not _holds(anything, g.start, g.end)]
    return replace(map_, entries=(*map_.entries, *added), gaps=(*map_.gaps, *lost))


def _holds(ranges: list[Range], start: int | None, end: int | None) -> bool:
    """Tell whether all of a place is in disjoint, ascending ranges; ``end`` is inclusive."""
    there = None if start is None else holding(ranges, start)
    return there is not None and end is not None and end < there[1]


def _ranges(table: Table, *, ram: bool) -> list[Range]:
    return union((e.start, e.end + 1) for e in table.entries if (e.type == "usable") == ram)


def _differing(these: Table, others: Table) -> list[Range]:
    """Return ranges of a page or more that are RAM, or not RAM, in ``these`` map only."""
    return sorted(
        (start, end)
        for ram in (True, False)
        for start, end in difference(_ranges(these, ram=ram), _ranges(others, ram=ram))
        if end - start >= _PAGE
    )
