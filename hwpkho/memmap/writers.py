"""Maps written back as text: as a kernel log's e820 table, or as /proc/iomem.

The texts themselves are written beside their readers; here is what turns one kind of map into the
other, as the kernel does: drivers/firmware/efi/libstub/x86-stub.c (setup_e820), arch/x86/kernel/
e820.c (e820_type_to_string), arch/arm64/kernel/setup.c (request_standard_resources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.arch import known
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError
from hwpkho.memmap import e820, e820_names, efi, resource_names
from hwpkho.memmap.formats import iomem
from hwpkho.memmap.model import Entry
from hwpkho.memmap.view.common import is_efi
from hwpkho.memmap.view.ownership import kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.memmap.model import Map

E820_MAPS = frozenset(
    ("e820_firmware", "e820_setup_data", "e820_user", "e820_modified", "zero_page",
     "e820_entries", "sysfs_memmap", "grub_mmap", "freebsd_smap", "esxi", "xen_e820",
     "xen_e820_initial", "xen_efi_ram", "xen_dom0")
)  # fmt: skip

#: e820 type → resource name.
_RESOURCES = {
    "usable": "System RAM",
    "reserved": "Reserved",
    "acpi_data": "ACPI Tables",
    "acpi_nvs": "ACPI Non-volatile Storage",
    "unusable": "Unusable memory",
    "pmem": "Persistent Memory",
    "pram": "Persistent Memory (legacy)",
    "soft_reserved": "Soft Reserved",
}
_UNKNOWN_RESOURCE = "Unknown E820 type"
_TYPES = {name.lower(): type_ for type_, name in _RESOURCES.items()}


def e820_text(map_: Map, arch: str) -> str:
    """Return a map as ``BIOS-e820:`` lines.

    e820 maps entry by entry; EFI maps of x86 as the boot stub converts them, sorted and without
    overlaps; /proc/iomem by the names of its outermost resources. Raises UsageError where a map
    cannot be written so.
    """
    try:
        return e820_names.write(_as_e820(map_, arch))
    except KeyError as error:
        raise UsageError(
            f"--to e820: {map_.name} has entries of type {printable(str(error.args[0]))}, which "
            "has no e820 number"
        ) from error


def _as_e820(map_: Map, arch: str) -> Iterable[Entry]:
    if map_.name in E820_MAPS and not is_efi(map_):
        return map_.entries
    if map_.name == "iomem":
        return [
            Entry(e.start, e.end, type_)
            for e in map_.entries
            if (type_ := _e820_of_resource(e)) is not None
        ]
    if _is_efi(map_) and _has_e820(arch):
        slots = [
            e820.Slot(e.start, e.end - e.start + 1, number)
            for e in map_.entries
            if (number := efi.to_e820(e.type, _attr(e))) is not None
        ]
        return [
            Entry(s.start, s.start + s.size - 1, e820.type_name(s.type))
            for s in e820.sanitize(slots)
        ]
    raise UsageError(f"--to e820: {printable(map_.name)} of {printable(arch)} is no e820 map")


def _has_e820(arch: str) -> bool:
    row = known(arch)
    return row is not None and row.memory == "e820"


def _e820_of_resource(entry: Entry) -> str | None:
    """Return the e820 type of a resource; only the outermost stem from the e820 table."""
    if entry.attributes.get("depth"):
        return None
    return _TYPES.get(entry.type.lower())


def _is_efi(map_: Map) -> bool:
    return map_.name == "efi_print_2" or is_efi(map_)


def _attr(entry: Entry) -> int:
    attr = entry.attributes.get("attr")
    return attr if isinstance(attr, int) else efi.WB


def iomem_text(map_: Map, arch: str) -> str:
    """Return a map as /proc/iomem would show it, without the kernel's own and devices' resources.

    iomem maps entry by entry; others ascending, neighbours of one kind joined as the kernel does.
    """
    if map_.name == "iomem":
        return _written(map_.entries)
    if map_.name in E820_MAPS and not is_efi(map_):
        named = [(e.start, e.end, _RESOURCES.get(e.type, _UNKNOWN_RESOURCE)) for e in map_.entries]
    elif _is_efi(map_) and _has_e820(arch):
        entries = _as_e820(map_, arch)
        named = [(e.start, e.end, _RESOURCES.get(e.type, _UNKNOWN_RESOURCE)) for e in entries]
    else:
        named = [
            (e.start, e.end, name)
            for e in map_.entries
            if (name := _memblock_resource(map_.name, e, arch)) is not None
        ]
    joined: list[Entry] = []
    for start, end, name in sorted(named):
        last = joined[-1] if joined else None
        if last and last.type == name == "System RAM" and last.end + 1 == start:
            joined[-1] = Entry(last.start, end, name)
        else:
            joined.append(Entry(start, end, name))
    return _written(joined)


def _written(entries: Sequence[Entry]) -> str:
    names = resource_names.plain(e.type for e in entries)
    return iomem.write([e._replace(type=names[e.type]) for e in entries])


def _memblock_resource(map_name: str, entry: Entry, arch: str) -> str | None:
    """Return what a kernel without an e820 table calls a range, None for what it does not list."""
    if map_name == "usable_memory_range" or entry.type in ("mmio", "mmio_port"):
        return None
    what = kind(map_name, entry.type, entry.attributes, arch)
    if what == "ram":
        return "System RAM"
    if what == "device":
        return "Soft Reserved"
    return "reserved"
