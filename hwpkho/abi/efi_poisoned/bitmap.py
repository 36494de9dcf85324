"""Layout ``bitmap``: a bitmap whose first unit is at address 0, in whole 64-bit words.

Generation c. The order of bits is that of :mod:`hwpkho.abi.efi_poisoned.bitmap_base`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import Header, Stub, common_flaw
from hwpkho.abi.spans import Span
from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from construct import Container

ABOUT = "a bitmap of units from address 0 on (generation c)"
HEAD = 16
BASED = False
STUB = Stub(ends_with_ram=True, most=1 << 20)


def parse(raw: bytes) -> Header:
    """Read the header from its 16 bytes; ValueError for another length."""
    from hwpkho.abi import headers

    h: Container[int] = headers.parse(headers.EFI_POISONED_BITMAP, raw)
    return Header(h.version, h.unit_size, 0, h.size)


def build(header: Header) -> bytes:
    """Return the 16 bytes of the header; ValueError where phys_base is not 0: it has no field."""
    from hwpkho.abi import headers

    if header.phys_base:
        raise ValueError(f"phys_base 0x{header.phys_base:x} has no place in layout bitmap")
    fields = {"version": header.version, "unit_size": header.unit_size, "size": header.size}
    return headers.build(headers.EFI_POISONED_BITMAP, **fields)


def flaw(header: Header) -> str | None:
    """Return why no EFI stub wrote a table with this header, None where one may have.

    The kernel of the first posting (c1) accepts any number of bytes, but its stub wrote whole words
    like that of the second.
    """
    found = common_flaw(header)
    if found is None and header.size % 8:
        said = counted(header.size, "byte of bitmap is", "bytes of bitmap are")
        return f"{said} not whole 64-bit words"
    if found is None and header.end >= 1 << 64:
        return f"{header.size} bytes of bitmap reach 2^64"
    return found


def spans(header: Header) -> list[Span]:
    """Return the fields of the header."""
    return [
        Span(0, 4, f"version {header.version}"),
        Span(4, 4, f"unit_size {header.unit_size}"),
        Span(8, 8, f"size {header.size}"),
    ]
