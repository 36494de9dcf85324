"""Fixtures of binary maps and trees, and maps made in memory."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.memmap.model import Entry, Map, MemoryMap
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.memmap.formats.base import FileForm
    from hwpkho.memmap.table import Table

FIXTURES = ROOT / "fixtures" / "memmaps-binary"
TRUTH: dict[str, Any] = json.loads((FIXTURES / "truth.json").read_text())

GIB = 1 << 30
MIB = 1 << 20


def read(form: FileForm, data: bytes, name: str = "input") -> list[Table]:
    """Recognise and read bytes as ``form``; it must recognise them."""
    path = Path(name)
    assert form.sniff(path, data[:65536])
    return list(form.read(path, memoryview(data)))


def rows(entries: Iterable[Entry]) -> list[list[Any]]:
    """Entries as they stand in ``truth.json``."""
    return [
        [e.start, e.end, e.type, *([e.attributes["attr"]] if "attr" in e.attributes else [])]
        for e in entries
    ]


def e820(*entries: tuple[int, int, int]) -> bytes:
    """Pack ``(start, size, type)``."""
    return b"".join(struct.pack("<QQI", *entry) for entry in entries)


def efi(*entries: tuple[int, int, int, int], stride: int = 48) -> bytes:
    """Pack ``(type, start, pages, attribute)`` at a stride."""
    return b"".join(
        struct.pack("<IIQQQQ", kind, 0, start, 0, pages, attr).ljust(stride, b"\0")
        for kind, start, pages, attr in entries
    )


def entries(*found: tuple[int, int, str] | tuple[int, int, str, Any]) -> list[Entry]:
    """Entries of ``(first byte, exclusive end, type, attributes)``."""
    return [Entry(e[0], e[1] - 1, e[2], e[3] if len(e) > 3 else {}) for e in found]


def machine(arch: str = "x86_64", /, boot: Any = 0, **maps: Any) -> MemoryMap:
    """A machine with these maps, as the reader would make it."""
    return MemoryMap(
        "test",
        "test",
        arch,
        "option",
        tuple(
            Map(
                name,
                boot,
                tuple(found),
            )
            for name, found in maps.items()
        ),
    )
