"""A handler of LUO's files: a page with ``TOYF``, u32 order, u64 PFN and u64 number of folios."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi.spans import Span
from hwpkho.codes.preserved import FILE_BROKEN
from hwpkho.handover.luo.files import HANDLERS
from hwpkho.handover.luo.model import Folios, LuoFile

if TYPE_CHECKING:
    from hwpkho.abi.luo import File
    from hwpkho.handover.luo.memory import LuoMemory

NAME = "toy-file-v1"
_LAYOUT = struct.Struct("<4sI2Q")
_MAGIC = b"TOYF"
_MOST = 1 << 10


class ToyHandler:
    """Reads the page; such a file has no end."""

    def read(self, file: File, name: str, memory: LuoMemory, /) -> LuoFile:
        found = LuoFile(NAME, file.token, file.data)
        raw = memory.read("toy page", file.data, _LAYOUT.size, name, spans)
        if raw is None:
            return found
        magic, order, pfn, count = _LAYOUT.unpack(raw)
        if magic != _MAGIC or order > 9 or count > _MOST:
            memory.note(FILE_BROKEN, f"{name}: no toy", file.data)
            return found
        folios = Folios()
        for n in range(count):
            folios.add(n << order, pfn + (n << order), order, 0)
        return found._replace(folios=folios)


def spans(raw: bytes) -> list[Span]:
    _, order, pfn, count = _LAYOUT.unpack_from(raw)
    return [
        Span(0, 4, "magic"),
        Span(4, 4, f"order {order}"),
        Span(8, 8, f"PFN 0x{pfn:x}"),
        Span(16, 8, f"folios {count}"),
    ]


def page(pfn: int, order: int, count: int) -> bytes:
    return _LAYOUT.pack(_MAGIC, order, pfn, count)


def register() -> None:
    HANDLERS.register(NAME, ToyHandler())


def unregister() -> None:
    HANDLERS.unregister(NAME)
