"""An EFI table whose header begins with ``TOYB``, no version, and the kernels that read it."""

from __future__ import annotations

import struct
import sys

from hwpkho.abi.efi_poisoned import LAYOUTS, VERSION, Header, Stub, common_flaw
from hwpkho.abi.spans import Span
from hwpkho.judging.efi_table.bitmaps import BitmapGeneration
from hwpkho.judging.efi_table.generations import GENERATIONS

ABOUT = "a toy"
HEAD = 24
BASED = True
STUB = Stub(ends_with_ram=True, most=None)
NAME = "toy-bitmap"
_LAYOUT = struct.Struct("<4sIQQ")
_MAGIC = b"TOYB"

GENERATION = BitmapGeneration("a toy's", NAME, exclusion="flagged")


def parse(raw: bytes) -> Header:
    magic, unit, base, size = _LAYOUT.unpack(raw)
    return Header(VERSION if magic == _MAGIC else 0, unit, base, size)


def build(header: Header) -> bytes:
    return _LAYOUT.pack(_MAGIC, *header[1:])


def flaw(header: Header) -> str | None:
    return common_flaw(header)


def spans(header: Header) -> list[Span]:
    return [Span(0, 8, "the toy's magic and unit"), Span(8, 16, f"base 0x{header.phys_base:x}")]


def register() -> None:
    LAYOUTS.register(NAME, sys.modules[__name__])
    GENERATIONS.register("toy", GENERATION)


def unregister() -> None:
    GENERATIONS.unregister("toy")
    LAYOUTS.unregister(NAME)
