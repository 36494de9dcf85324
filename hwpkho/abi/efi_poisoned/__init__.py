"""The EFI configuration table LINUX_EFI_POISONED_MEMORY: its layouts, one module each.

The postings of the proposal have used three layouts under one GUID; none is merged as of Linux
7.3.4. ``list`` is the first (generation a), then came ``bitmap-base`` (b), ``bitmap`` (c) and
again ``bitmap-base`` (d). ``list`` has no version field; b, c and d all have version 1.
:mod:`hwpkho.abi.efi_poisoned.tell` distinguishes them.

Source: include/linux/efi.h and drivers/firmware/efi/poison.c as posted with "mm/memory-failure:
keep hardware-poisoned pages out of the next kexec", and the trees of its earlier postings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.abi.spans import Span

#: LINUX_EFI_POISONED_MEMORY_TABLE_GUID, af828a15-0ef4-439a-b86a-d6d69eafbafa, as it is in memory.
GUID = bytes.fromhex("158a82aff40e9a43b86ad6d69eafbafa")
#: The only version of the layouts that have one.
VERSION = 1
#: Bytes of physical address space per bit, as every EFI stub of the postings writes it.
UNIT = 2 << 20
#: The most bytes of a bitmap that are read: a stub of generation d makes 256 MiB where the
#: firmware's map reaches 2^52, the largest physical address of any processor.
MAX_BITMAP = 256 << 20
#: The smallest unit, bytes: the smallest page of any kernel with one of the layouts.
MIN_UNIT = 4096


class Header(NamedTuple):
    """The header of a table with a bitmap.

    Attributes:
        version: As read; known is 1.
        unit_size: Bytes of physical address space per bit.
        phys_base: Physical address of the first unit; 0 in a layout that lacks the field.
        size: Bytes of the bitmap.
    """

    version: int
    unit_size: int
    phys_base: int
    size: int

    def unit_of(self, phys: int) -> int:
        """Return the number of the unit that holds ``phys``; negative below the first unit."""
        return (phys - self.phys_base) // self.unit_size

    @property
    def units(self) -> int:
        """How many units the bitmap has."""
        return self.size * 8

    @property
    def end(self) -> int:
        """End (exclusive) of what the units cover; above 2^64 where a u64 would overflow."""
        return self.phys_base + self.units * self.unit_size


class Layout(Protocol):
    """What the module of a layout offers."""

    #: One line for people.
    ABOUT: str
    #: Bytes of the header.
    HEAD: int


class Stub(NamedTuple):
    """How the latest EFI stub that writes a layout chooses the size of the bitmap.

    Attributes:
        ends_with_ram: Whether the bitmap ends at the highest RAM; else it ends at the highest
            address of the firmware's map.
        most: The bytes of bitmap above which the stub doubles the unit; None: it never does.
    """

    ends_with_ram: bool
    most: int | None


class BitmapLayout(Layout, Protocol):
    """What the module of a layout with a bitmap offers."""

    #: Whether the header has phys_base; without it, the first unit is at address 0.
    BASED: bool
    #: What its EFI stub writes.
    STUB: Stub

    def parse(self, raw: bytes) -> Header:
        """Read the header from its ``HEAD`` bytes; ValueError for another length."""

    def build(self, header: Header) -> bytes:
        """Return the bytes of the header."""

    def flaw(self, header: Header) -> str | None:
        """Return why every kernel refuses a table with this header, None where one accepts it."""

    def spans(self, header: Header) -> list[Span]:
        """Return the fields of the header, for ``decode --annotate``."""


#: The layouts by name, in the order in which they were proposed.
LAYOUTS: Registry[Layout] = Registry(
    "layout of the EFI table of poisoned memory",
    {
        "list": "hwpkho.abi.efi_poisoned.linked_list",
        "bitmap-base": "hwpkho.abi.efi_poisoned.bitmap_base",
        "bitmap": "hwpkho.abi.efi_poisoned.bitmap",
    },
)


#: The layout in which the header of a table is read whose own layout is not known.
ASSUMED = "bitmap-base"


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
    """Return why every kernel that reads bitmaps refuses a header, None where it does not."""
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
