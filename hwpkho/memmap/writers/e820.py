"""Any map as the e820 table of a kernel log.

Source: drivers/firmware/efi/libstub/x86-stub.c (setup_e820), arch/x86/kernel/e820.c
(e820_type_to_string).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.arch import known
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError
from hwpkho.memmap import e820, e820_names, efi, extended, names
from hwpkho.memmap.formats.dmesg_e820 import DmesgE820
from hwpkho.memmap.model import Entry
from hwpkho.memmap.view.common import attribute, is_efi
from hwpkho.memmap.writers import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.model import Map, MemoryMap

#: e820 type → name of the resource in /proc/iomem.
RESOURCES = {
    "usable": "System RAM",
    "reserved": "Reserved",
    "acpi_data": "ACPI Tables",
    "acpi_nvs": "ACPI Non-volatile Storage",
    "unusable": "Unusable memory",
    "pmem": "Persistent Memory",
    "pram": "Persistent Memory (legacy)",
    "soft_reserved": "Soft Reserved",
}
_TYPES = {name.lower(): type_ for type_, name in RESOURCES.items()}


class E820Writer:
    """``BIOS-e820:`` lines.

    e820 maps are written entry by entry where they ascend without overlaps, else as the kernel puts
    them in order; EFI maps of x86 as the boot stub converts them; /proc/iomem by the names of its
    outermost resources.
    """

    name = "e820"
    about = "the e820 table as a kernel log prints it"
    binary = False
    reserves = False

    def write(self, map_: Map, arch: str, /) -> bytes:
        """See :class:`hwpkho.memmap.writers.MapWriter`."""
        found = entries(map_, arch)
        if found is None:
            raise UsageError(
                f"{option('to', 'e820')}: {printable(map_.name)} of {printable(arch)} is not an "
                "e820 map"
            )
        if not found:
            raise UsageError(
                f"{option('to', 'e820')}: nothing of {printable(map_.name)} has an e820 type"
            )
        try:
            text = e820_names.write(found)
        except KeyError as error:
            raise UsageError(
                f"{option('to', 'e820')}: {map_.name} has entries of type "
                f"{printable(str(error.args[0]))}, which has no e820 number"
            ) from error
        return checked(self.name, text, DmesgE820(), (Entry(*e[:3]) for e in found))


def entries(map_: Map, arch: str) -> Sequence[Entry] | None:
    """Return a map as e820 entries, ascending and disjoint.

    None where a kernel of ``arch`` makes no e820 table of it.
    """
    kind = names.of(map_.name).entries
    if kind in ("e820", "e820 or efi") and not is_efi(map_):
        return _in_order(map_.entries)
    row = known(arch)
    if row is None or row.memory != "e820":
        return None
    if kind == "resources":
        return _in_order(
            [
                Entry(e.start, e.end, type_)
                for e in map_.entries
                if (type_ := _type_of_resource(e)) is not None
            ]
        )
    if not is_efi(map_):
        return None
    slots = [
        e820.Slot(e.start, e.end - e.start + 1, number)
        for e in map_.entries
        if (number := efi.to_e820(e.type, attribute(e))) is not None
    ]
    return [
        Entry(s.start, s.start + s.size - 1, e820.type_name(s.type)) for s in e820.sanitize(slots)
    ]


def _in_order(found: Sequence[Entry]) -> Sequence[Entry]:
    """Return entries as the kernel prints its table: sorted, the highest type where they overlap.

    A type without a number counts as the highest of all.
    """
    if all(a.end < b.start for a, b in pairwise(found)):
        return found
    numbers = {e.type: e820.type_number(e.type) for e in found}
    odd = sorted(name for name, number in numbers.items() if number is None)
    numbered = {name: e820.MAX_TYPE + 1 + n for n, name in enumerate(odd)}
    numbered |= {name: number for name, number in numbers.items() if number is not None}
    named = {number: name for name, number in numbered.items()}
    slots = (e820.Slot(e.start, e.end - e.start + 1, numbered[e.type]) for e in found)
    return [Entry(s.start, s.start + s.size - 1, named[s.type]) for s in e820.sanitize(slots)]


def table(memmap: MemoryMap, map_name: str | None = None) -> tuple[Map, list[e820.Slot]] | None:
    """Return the machine's e820 table, sorted and without overlaps, and the map that it is from.

    That is the map called ``map_name`` alone; without a name the table of the firmware with what
    did not fit into the zero page, else what :func:`entries` makes of the primary map. None where
    the machine has none, or one with types that have no number.
    """
    by_name = {m.name: m for m in memmap.maps}
    primary = next(m for m in memmap.maps if m.primary)
    chosen = extended.CONTINUED if map_name is None else (map_name,)
    map_ = next((by_name[name] for name in chosen if name in by_name), primary)
    if map_name is None:
        map_ = extended.whole(map_, memmap.maps)
    row = known(memmap.arch)
    found = entries(map_, memmap.arch) if row is not None and row.memory == "e820" else None
    if found is None:
        return None
    slots = []
    for entry in found:
        number = e820.type_number(entry.type)
        if number is None:
            return None
        slots.append(e820.Slot(entry.start, entry.end - entry.start + 1, number))
    return map_, e820.sanitize(slots)


def _type_of_resource(entry: Entry) -> str | None:
    """Return the e820 type of a resource; only the outermost stem from the e820 table."""
    if entry.attributes.get("depth"):
        return None
    return _TYPES.get(entry.type.lower())


WRITER = E820Writer()
