"""The EFI configuration table LINUX_EFI_POISONED_MEMORY: its layouts, one module each.

The proposal had several layouts under one GUID, and nothing is merged (Linux 7.3.4 has none of
it). ``list`` is the first (generation a), then came ``bitmap-base`` (b), ``bitmap`` (c) and again
``bitmap-base`` (d); all three but ``list`` say version 1. What tells them apart is
:mod:`hwpkho.abi.efi_poisoned.tell`.

Source: include/linux/efi.h and drivers/firmware/efi/poison.c as posted with "mm/memory-failure:
keep hardware-poisoned pages out of the next kexec", and the trees of its earlier postings.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeGuard

from hwpkho.base.registry import Registry

#: LINUX_EFI_POISONED_MEMORY_TABLE_GUID, af828a15-0ef4-439a-b86a-d6d69eafbafa, as it is in memory.
GUID = bytes.fromhex("158a82aff40e9a43b86ad6d69eafbafa")
#: The only version of the layouts that have one.
VERSION = 1
#: Bytes of physical space that a bit stands for, as every stub writes it first.
UNIT = 2 << 20
#: Bytes of a bitmap that are read. A stub of generation d makes 256 MiB where the firmware's map
#: reaches 2^52, which is as far as any processor's physical addresses do.
MAX_BITMAP = 256 << 20
#: Bytes: no kernel with any of the layouts has smaller pages.
MIN_UNIT = 4096


class Header(NamedTuple):
    """The header of a table with a bitmap.

    Attributes:
        version: 1.
        unit_size: Bytes of physical space that a bit stands for.
        phys_base: Address of the first unit; 0 in the layout without the field.
        size: Bytes of bitmap.
    """

    version: int
    unit_size: int
    phys_base: int
    size: int

    def unit_of(self, phys: int) -> int:
        """Return the unit of a physical address; negative below the first one."""
        return (phys - self.phys_base) // self.unit_size

    @property
    def units(self) -> int:
        """How many units the bitmap has."""
        return self.size * 8

    @property
    def end(self) -> int:
        """One past the last byte that the units cover; above 2^64 where that overflows."""
        return self.phys_base + self.units * self.unit_size


class Layout(Protocol):
    """What the module of a layout offers."""

    #: In a line: what it is.
    ABOUT: str
    #: Bytes of the header.
    HEAD: int


class BitmapLayout(Layout, Protocol):
    """What the module of a layout with a bitmap offers."""

    def parse(self, raw: bytes) -> Header:
        """Read the header from its ``HEAD`` bytes; ValueError for another length."""

    def build(self, header: Header) -> bytes:
        """Return the bytes of the header."""

    def flaw(self, header: Header) -> str | None:
        """Return why no kernel takes a table with this header, None where one does."""


#: By name, in the order in which they were proposed.
LAYOUTS: Registry[Layout] = Registry(
    "layout of the EFI table of poisoned memory",
    {
        "list": "hwpkho.abi.efi_poisoned.linked_list",
        "bitmap-base": "hwpkho.abi.efi_poisoned.bitmap_base",
        "bitmap": "hwpkho.abi.efi_poisoned.bitmap",
    },
)


def has_bitmap(layout: Layout) -> TypeGuard[BitmapLayout]:
    """Tell whether a layout has a bitmap."""
    return hasattr(layout, "flaw")


def bitmap_layout(name: str) -> BitmapLayout:
    """Return the layout ``name``. Raises KeyError where it has no bitmap, or does not exist."""
    found = LAYOUTS[name]
    if not has_bitmap(found):
        raise KeyError(name)
    return found


def common_flaw(header: Header) -> str | None:
    """Return what every reader of a bitmap refuses in a header, None for nothing."""
    if header.version != VERSION:
        return f"version {header.version}, known is {VERSION}"
    if not header.size:
        return "the bitmap has 0 bytes"
    unit = header.unit_size
    if unit < MIN_UNIT or unit & (unit - 1):
        return f"unit_size {unit} is not a power of two of at least {MIN_UNIT}"
    if header.size >> 61:
        return f"{header.size} bytes of bitmap have more than 2^64 bits"
    return None
