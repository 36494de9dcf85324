"""SETUP_E820_EXT: the view, the table of lists and the map that is written are one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hwpkho.codes import problem
from hwpkho.codes.memmap_gaps import FIRMWARE_DISAGREES
from hwpkho.memmap import e820
from hwpkho.memmap import efi as uefi
from hwpkho.memmap.extended import NAME, whole
from hwpkho.memmap.model import Entry, Gap, MemoryMap
from hwpkho.memmap.view.regions import view_of
from hwpkho.memmap.writers import e820 as writer
from tests.support import mapdata
from tests.support.mapdata import GIB, MIB, entries

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST = entries((0, MIB, "reserved"), (MIB, GIB, "usable"), (GIB, 2 * GIB, "reserved"))
_MORE = entries((3 * GIB, 4 * GIB, "usable"), (4 * GIB, 5 * GIB, "acpi_nvs"))
#: As the kernel prints them again, split where setup_data lies.
_SPLIT = entries((0, MIB, "reserved"), (MIB, 2 * MIB, "usable"), (2 * MIB, GIB, "usable"),
                 (GIB, 2 * GIB, "reserved"))  # fmt: skip


def machine(**maps: Sequence[Entry]) -> MemoryMap:
    """The first map is the primary one."""
    found = mapdata.machine(**maps)
    first, *others = found.maps
    return found._replace(maps=(replace(first, primary=True), *others))


def _many(count: int) -> list[Entry]:
    kinds = ("reserved", "usable")
    return entries(*((n * MIB, (n + 1) * MIB, kinds[n % 2]) for n in range(count)))


def _spans(found: Sequence[Entry]) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.type) for e in found]


@pytest.mark.parametrize("name", ["e820_firmware", "zero_page"])
@pytest.mark.parametrize(
    ("first", "more", "expected"),
    [
        (_FIRST, _MORE, _FIRST + _MORE),  # the kernel appends them, however many there are before
        (_FIRST, _SPLIT, _FIRST),
        (_FIRST, _FIRST + _MORE, _FIRST + _MORE),
        (_many(128), _many(131), _many(131)),
        (_many(128), _many(131)[128:], _many(131)),
    ],
)
def test_each_way_has_the_same_table(name, first, more, expected) -> None:
    memmap = machine(**{name: first, NAME: more})
    found = writer.table(memmap)
    assert found is not None
    map_, slots = found
    assert map_.name == name
    as_read = [(s.start, s.start + s.size - 1, e820.type_name(s.type)) for s in slots]
    assert as_read == _spans(expected)
    (base,) = (m for m in memmap.maps if m.name == name)
    continued = whole(base, memmap.maps)
    assert _spans(writer.entries(continued, "x86_64") or ()) == _spans(expected)
    ram = {(r.start, r.end) for r in view_of(memmap).regions if r.kind == "ram" and r.start >= MIB}
    assert ram == {(e.start, e.end) for e in expected if e.type == "usable"}


def test_of_what_overlaps_the_higher_type_counts() -> None:
    more = entries((MIB, 2 * MIB, "acpi_nvs"))
    found = writer.table(machine(zero_page=_FIRST, e820_setup_data=more))
    assert found is not None
    assert [(s.start, s.type) for s in found[1]] == [(0, 2), (MIB, 4), (2 * MIB, 1), (GIB, 2)]


def test_a_map_that_the_command_line_changed_has_them_already() -> None:
    """mem= took them away; e820__memory_setup_extended() ran before."""
    memmap = machine(e820_user=_FIRST, e820_setup_data=_MORE)
    assert writer.table(memmap, "e820_user") == writer.table(machine(e820_user=_FIRST), "e820_user")
    found = writer.table(memmap)
    assert found is not None
    assert max(s.start + s.size for s in found[1]) == 2 * GIB
    assert view_of(memmap).ram_bytes() == GIB - MIB


def test_an_efi_map_is_compared_with_all_of_it() -> None:
    wb = {"attr": uefi.WB}
    efi = entries((MIB, GIB, "conventional", wb), (3 * GIB, 4 * GIB, "conventional", wb))
    regions = view_of(machine(zero_page=_FIRST, e820_setup_data=_MORE, efi=efi))
    assert not [p.code for p in regions.problems]


def _with_gap(memmap: MemoryMap, gap: Gap) -> MemoryMap:
    maps = tuple(replace(m, gaps=(gap,)) if m.name == NAME else m for m in memmap.maps)
    return memmap._replace(maps=maps)


@pytest.mark.parametrize(
    ("count", "at", "kind"), [(128, 129, "unknown"), (128, 5, "ram"), (100, 129, None)]
)
def test_a_line_that_only_the_extended_map_had(count, at, kind) -> None:
    """With room for more, the firmware's map had it, too, and would show it."""
    first, listed = _many(count), _many(131)
    del listed[at]
    if count < 128:
        del listed[count:]
    gap = Gap(at * MIB, (at + 1) * MIB - 1, problem(FIRMWARE_DISAGREES, "line 7: cut off"))
    memmap = _with_gap(machine(e820_firmware=first, e820_setup_data=listed), gap)
    region = view_of(memmap).at(at * MIB)
    assert (region and region.kind) == kind
    found = writer.table(memmap)
    assert found is not None
    assert bool(found[0].gaps) == (kind == "unknown")


@pytest.mark.parametrize("name", ["e820_firmware", "zero_page"])
@pytest.mark.parametrize(("count", "last"), [(100, 100), (128, 131)])
def test_of_what_the_command_line_changed_a_map_with_room_for_all_needs_nothing(
    name: str, count: int, last: int
) -> None:
    """memmap= made ACPI's memory of a part that the boot loader calls usable, RAM of the last."""
    more = _many(131)[:5] + entries((5 * MIB, 6 * MIB, "acpi_nvs")) + _many(131)[6:127]
    changed = more + entries((127 * MIB, 129 * MIB, "usable")) + _many(131)[129:]
    memmap = machine(**{name: _many(count), NAME: changed, "e820_user": changed})
    found = whole(memmap.maps[0], memmap.maps)
    expected = _many(last)
    expected[128:129] = entries((128 * MIB, 129 * MIB, "usable")) if last > 128 else []
    assert _spans(found.entries) == _spans(expected)
