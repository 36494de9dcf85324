"""The names of maps: one row each, and everything that differs between them.

Other modules ask a map's row, not its name. Only what belongs to one map alone (the second list of
x86's EFI and U-Boot's list before it, the overflow of the zero page) is where that map is read or
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from typing import TypeVar

    M = TypeVar("M")

#: What the entries of a map are. ``e820 or efi``: EFI descriptors where they have an attribute.
Entries = Literal[
    "e820", "efi", "e820 or efi", "banks", "resources", "reservations", "limit", "other"
]
#: Whose view of memory a map is: ``firmware`` hands it to Linux; ``cmdline``: that map as the
#: command line changed it; ``kernel``: the result, of all that the kernel knows; ``other``: another
#: program printed it, or it is a part.
Stage = Literal["firmware", "cmdline", "kernel", "other"]


class MapName(NamedTuple):
    """What is known of the maps of one name.

    Attributes:
        name: As in hwpkho.memmap/1.
        entries: What its entries are.
        stage: Whose map it is.
        no_ram: Why it does not say what RAM the machine has; empty where it does. Nothing is judged
            by such a map.
        once: Whether each boot prints it exactly once, so that a second one begins another boot.
        replaces: Whether a later one of the same boot takes the place of the earlier.
        temporary: Whether its reservations end before Linux starts, except those with no-map.
        needed: Whether a boot with a damaged one is refused; others are left out.
        fills: Its place among the maps that may fill the gaps of another, smallest first; 0: never.
    """

    name: str
    entries: Entries = "other"
    stage: Stage = "other"
    no_ram: str = ""
    once: bool = False
    replaces: bool = False
    temporary: bool = False
    needed: bool = False
    fills: int = 0


_RESERVED = "it lists reservations, not RAM"

#: The map that describes the machine best comes first: EFI before e820 (an EFI descriptor says
#: more), the firmware's before the one that the command line changed, Xen's before its dom0's.
#: Gaps are filled from the map itself in another print, then from the firmware's map in another
#: form, then from what the firmware gave a boot loader, then from what the kernel made of it.
_ROWS = (
    MapName("xen_efi", "efi", "firmware"),
    MapName("xen_efi_ram", "e820"),
    MapName("xen_e820", "e820", "firmware", once=True),
    MapName("xen_e820_initial", "e820"),
    MapName("efi", "efi", "firmware", once=True, needed=True, fills=5),
    MapName("efi_shell", "efi", fills=6),
    MapName("grub_efi", "efi", fills=7),
    MapName("uboot_efi", "efi", fills=8),
    MapName("freebsd_efi", "efi"),
    MapName("e820_firmware", "e820", "firmware", once=True, needed=True, fills=2),
    MapName("zero_page", "e820", "firmware", fills=3),
    MapName("sysfs_memmap", "e820", "firmware", fills=4),
    MapName("grub_mmap", "e820", fills=9),
    MapName("freebsd_smap", "e820"),
    MapName("esxi", "e820 or efi"),
    MapName("e820_entries", "e820"),
    MapName("e820_setup_data", "e820", "firmware", fills=1),
    MapName("e820_modified", "e820", "cmdline", needed=True),
    MapName("e820_user", "e820", "cmdline", needed=True),
    MapName("devicetree", "banks", "firmware", fills=10),
    MapName("uboot_dram", "banks"),
    MapName("iomem", "resources", "kernel", fills=11),
    MapName("efi_print_2", "efi", no_ram="it lists only what the kernel maps for the firmware"),
    MapName("efi_runtime", no_ram="it lists only what the firmware needs at run time"),
    MapName("xen_dom0", "e820", no_ram="its addresses are pseudo-physical"),
    MapName("reserved_memory", "reservations", "firmware", no_ram=_RESERVED),
    MapName("memreserve", "reservations", "firmware", no_ram=_RESERVED),
    MapName("usable_memory_range", "limit", "firmware", no_ram="it is a limit, not a map of RAM"),
    MapName("lmb_reserved", "reservations", no_ram=_RESERVED, replaces=True, temporary=True),
)

#: The names, best first.
MAP_NAMES: Registry[MapName] = Registry("name of a memory map", {})
for _row in _ROWS:
    MAP_NAMES.register(_row.name, _row)


def of(name: str) -> MapName:
    """Return the row of a name; an unknown name gets a row of defaults."""
    return MAP_NAMES.get(name) or MapName(name)


def rank(name: str) -> int:
    """Return the place of a map name in the order of preference, smallest best."""
    names = MAP_NAMES.names()
    return names.index(name) if name in names else len(names)


def found(
    maps: Mapping[str, M], entries: Container[Entries], stage: Stage | None = None
) -> Iterator[M]:
    """Yield those of ``maps`` that say what RAM there is, best first.

    ``maps`` are by name; of them those with such ``entries``, and of one ``stage`` if it is given.
    """
    for row in MAP_NAMES:
        fits = row.entries in entries and not row.no_ram and stage in (None, row.stage)
        if fits and row.name in maps:
            yield maps[row.name]


def beside(maps: Mapping[str, M], entries: Entries) -> list[M]:
    """Return those of ``maps``, by name, with such ``entries`` about the RAM of another map."""
    return [maps[row.name] for row in MAP_NAMES if row.entries == entries and row.name in maps]
