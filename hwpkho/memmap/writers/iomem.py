"""Any map as /proc/iomem shows it.

Source: arch/x86/kernel/e820.c (e820_type_to_string), arch/arm64/kernel/setup.c
(request_standard_resources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError
from hwpkho.memmap import names, resource_names
from hwpkho.memmap.formats import iomem
from hwpkho.memmap.model import Entry, Map
from hwpkho.memmap.view.ownership import kind
from hwpkho.memmap.writers import checked, e820

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.memmap.view.regions import Region

_UNKNOWN = "Unknown E820 type"


class IomemWriter:
    """/proc/iomem without the resources of the kernel itself and of devices.

    iomem maps are written entry by entry; others ascending and without overlaps, neighbouring RAM
    joined as the kernel does.
    """

    name = "iomem"
    about = "/proc/iomem"
    binary = False
    reserves = True

    def write(self, map_: Map, arch: str, /) -> bytes:
        """See :class:`hwpkho.memmap.writers.MapWriter`."""
        if names.of(map_.name).entries == "resources":
            return _written(map_.entries)
        found = e820.entries(map_, arch)
        if found is not None:
            named = [(e.start, e.end, e820.RESOURCES.get(e.type, _UNKNOWN)) for e in found]
        else:
            named = [
                (e.start, e.end, name)
                for e in map_.entries
                if (name := _memblock_resource(map_.name, e, arch)) is not None
            ]
        if not named:
            raise UsageError(
                f"{option('to', 'iomem')}: nothing of {printable(map_.name)} would be in it"
            )
        joined: list[Entry] = []
        for start, end, name in sorted(named):
            last = joined[-1] if joined else None
            if last and last.type == name == "System RAM" and last.end + 1 == start:
                joined[-1] = Entry(last.start, end, name)
            else:
                joined.append(Entry(start, end, name))
        return _written(joined)


def of_regions(regions: Iterable[Region], boot: int) -> Map:
    """Return what a kernel makes of memory and its reservations as a map of resources.

    Reservations are inside RAM; memory that is not mapped is a resource of its own.
    """
    entries: list[Entry] = []
    ram = -1  # index of the RAM that the next region may continue
    for region in regions:
        if region.what == "uncached":
            continue
        if region.kind not in ("ram", "in-use"):
            name = "Soft Reserved" if region.kind == "device" else "reserved"
            entries.append(Entry(region.start, region.end, name, {"depth": 0}))
            ram = -1
            continue
        if ram >= 0 and entries[ram].end + 1 == region.start:
            entries[ram] = entries[ram]._replace(end=region.end)
        else:
            ram = len(entries)
            entries.append(Entry(region.start, region.end, "System RAM", {"depth": 0}))
        if names.of(region.source).entries == "reservations" and region.kind == "in-use":
            entries.append(Entry(region.start, region.end, "reserved", {"depth": 1}))
    return Map("iomem", boot, tuple(entries), primary=True)


def _written(entries: Sequence[Entry]) -> bytes:
    written = resource_names.plain(e.type for e in entries)
    named = [
        Entry(e.start, e.end, written[e.type], {"depth": e.attributes.get("depth", 0)})
        for e in entries
    ]
    return checked(WRITER.name, iomem.write(named), iomem.Iomem(), named)


def _memblock_resource(map_name: str, entry: Entry, arch: str) -> str | None:
    """Return what a kernel without an e820 table calls a range, None for what it does not list."""
    what = kind(map_name, entry.type, entry.attributes, arch)
    if what == "none" or entry.type in ("mmio", "mmio_port"):
        return None
    if what == "ram":
        return "System RAM"
    if what == "device":
        return "Soft Reserved"
    return "reserved"


WRITER = IomemWriter()
