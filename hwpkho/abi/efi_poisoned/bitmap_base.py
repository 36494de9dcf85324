"""Layout ``bitmap-base``: a bitmap whose first unit is at ``phys_base``.

The stub of generation b writes base 0 and any number of bytes; that of d the lowest address of the
firmware's map, and whole 64-bit words. It is a Linux ``unsigned long`` bitmap: on little endian
machines unit N is bit N % 8 of byte N / 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import Header, Stub, common_flaw
from hwpkho.abi.spans import Span

if TYPE_CHECKING:
    from construct import Container

ABOUT = "a bitmap of units from phys_base on (generations b and d)"
HEAD = 24
BASED = True
STUB = Stub(ends_with_ram=False, most=None)  # of generation d


def parse(raw: bytes) -> Header:
    """Read the header from its 24 bytes; ValueError for another length."""
    from hwpkho.abi import headers

    h: Container[int] = headers.parse(headers.EFI_POISONED_BITMAP_BASE, raw)
    return Header(h.version, h.unit_size, h.phys_base, h.size)


def build(header: Header) -> bytes:
    """Return the 24 bytes of the header."""
    from hwpkho.abi import headers

    return headers.build(headers.EFI_POISONED_BITMAP_BASE, **header._asdict())


def flaw(header: Header) -> str | None:
    """Return why every kernel refuses a table with this header, None where one accepts it."""
    found = common_flaw(header)
    if found is None and header.phys_base % header.unit_size:
        return f"phys_base 0x{header.phys_base:x} is not a multiple of unit_size {header.unit_size}"
    return found


def spans(header: Header) -> list[Span]:
    """Return the fields of the header."""
    return [
        Span(0, 4, f"version {header.version}"),
        Span(4, 4, f"unit_size {header.unit_size}"),
        Span(8, 8, f"phys_base 0x{header.phys_base:x}"),
        Span(16, 8, f"size {header.size}"),
    ]
