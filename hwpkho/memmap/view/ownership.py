"""Who may own memory of which type.

x86: arch/x86/kernel/e820.c (e820__memblock_setup adds only type 1), x86-stub.c (setup_e820) for
EFI types. arm64: drivers/firmware/efi/efi-init.c (is_usable_memory, reserve_regions),
drivers/of/fdt.c for device trees. /proc/iomem: names that kernel/resource.c, mm/memory_hotplug.c,
drivers/dax/kmem.c and drivers/virtio/virtio_mem.c give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hwpkho.base.arch import known
from hwpkho.memmap import efi, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.view.spans import What

Kind = Literal["ram", "firmware", "retired", "device", "none"]
IomemKind = Literal["ram", "firmware", "retired", "device"]

#: Usable whatever the form: e820 type 1, U-Boot's banks, memory nodes.
_RAM = frozenset(("usable", "memory", "dram_bank"))
#: EFI types that may be: their attributes and the architecture decide.
_EFI_RAM = efi.USABLE | {"persistent", "unaccepted"}
_DEVICE = frozenset(("pmem", "pram", "soft_reserved"))

#: Names in /proc/iomem, by their beginnings: kind and what it is. All others are resources of
#: drivers. Kernels before 4.11 write "reserved", those of arm64 still do.
_IOMEM: tuple[tuple[str, IomemKind, What], ...] = (
    ("System RAM", "ram", "memory"),
    ("Reserved", "firmware", "memory"),
    ("reserved", "firmware", "memory"),
    ("ACPI ", "firmware", "memory"),
    ("Unknown E820 type", "firmware", "memory"),
    ("Persistent Memory", "device", "memory"),
    ("Soft Reserved", "device", "memory"),
    ("CXL Window", "device", "window"),
    ("PCI Bus ", "firmware", "window"),
    ("Kernel ", "firmware", "kernel"),
    ("Crash kernel", "firmware", "crash-kernel"),
)


def is_ram(map_name: str, type_: str, attributes: Mapping[str, object], arch: str) -> bool:
    """Tell whether the next kernel's page allocator may own at least part of such a range.

    ``map_name`` and ``type_`` are those of hwpkho.memmap/1, ``attributes`` the entry's
    (``attr``: the EFI attribute word; without it write-back is assumed). Only type and attributes
    decide: memory that the kernel itself takes at boot counts as its type says.
    """
    return kind(map_name, type_, attributes, arch) == "ram"


def each_is_ram(map_name: str, entries: Sequence[Entry], arch: str) -> Iterator[bool]:
    """Yield for each entry of a map what :func:`is_ram` says of it."""
    if (
        names.of(map_name).entries == "resources"
    ):  # by the name alone, and few names stand in many lines
        ram = {name for name in {entry.type for entry in entries} if iomem_kind(name) == "ram"}
        return (entry.type in ram for entry in entries)
    return (is_ram(map_name, entry.type, entry.attributes, arch) for entry in entries)


def kind(map_name: str, type_: str, attributes: Mapping[str, object], arch: str) -> Kind:
    """Return what a range of this type is to a kernel of ``arch``; see :func:`kind_by`."""
    row = known(arch)
    return kind_by(map_name, type_, attributes, row.memory if row else "e820")


def kind_by(map_name: str, type_: str, attributes: Mapping[str, object], memory: str) -> Kind:
    """Return what a range of this type is to a kernel that builds its memory from ``memory``.

    ``memory`` is that of :class:`hwpkho.base.arch.Arch`. ``retired`` is memory that the map itself
    excludes as unusable; ``device`` is persistent, soft-reserved or specific-purpose memory;
    ``firmware`` is all else that the page allocator does not own; ``none`` is not memory at all.
    """
    entries = names.of(map_name).entries
    if entries == "resources":
        return iomem_kind(type_)
    if entries == "limit":
        return "none"
    if type_ in _EFI_RAM:
        attr = attributes.get("attr")
        return efi_kind(type_, attr if isinstance(attr, int) else efi.WB, memory)
    if type_ in _RAM:
        return "firmware" if attributes.get("no-map") else "ram"
    if type_ in _DEVICE:
        return "device"
    if type_ == "unusable":
        return "retired"
    return "firmware"


def efi_kind(
    type_: str, attr: int, memory: str, *, soft_reserve: bool = True
) -> Literal["ram", "firmware", "device"]:
    """Return what an EFI type that may be RAM is; ``attr`` is the attribute word.

    ``soft_reserve`` is False with ``efi=nosoftreserve``.
    """
    if type_ == "unaccepted":
        return "firmware" if memory == "memblock" else "ram"
    if memory != "memblock":
        if type_ == "persistent":
            return "device"
        return "device" if soft_reserve and attr & efi.SP else "ram"
    if soft_reserve and attr & efi.SP:
        return "device"
    return "ram" if attr & efi.WB else "firmware"


def iomem_kind(name: str) -> IomemKind:
    """Return the kind of a resource of /proc/iomem by its name."""
    return of_resource(name)[0]


def of_resource(name: str) -> tuple[IomemKind, What]:
    """Return the kind of a resource of /proc/iomem, and what it is, by its name."""
    if name == "Unusable memory":
        return "retired", "memory"
    known = (row[1:] for row in _IOMEM if name.startswith(row[0]))
    return next(known, ("firmware", "resource"))
