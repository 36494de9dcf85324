"""An EFI table without a base, whose header is longer than any other."""

from __future__ import annotations

import struct
import sys

from hwpkho.abi.efi_poisoned import LAYOUTS, VERSION, Header, Stub, common_flaw
from hwpkho.abi.spans import Span

ABOUT = "a toy"
HEAD = 32
NAME = "toy-at-zero"
BASED = False
STUB = Stub(ends_with_ram=False, most=16)
_LAYOUT = struct.Struct("<4sI16xQ")
_MAGIC = b"TOYZ"


def parse(raw: bytes) -> Header:
    magic, unit, size = _LAYOUT.unpack(raw)
    return Header(VERSION if magic == _MAGIC else 0, unit, 0, size)


def build(header: Header) -> bytes:
    return _LAYOUT.pack(_MAGIC, header.unit_size, header.size)


def flaw(header: Header) -> str | None:
    return common_flaw(header)


def spans(header: Header) -> list[Span]:
    return [Span(0, 24, "the toy's head"), Span(24, 8, f"size {header.size}")]


def register() -> None:
    LAYOUTS.register(NAME, sys.modules[__name__])


def unregister() -> None:
    LAYOUTS.unregister(NAME)
