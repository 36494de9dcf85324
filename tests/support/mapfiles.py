"""Fixtures of memory maps as text, and how tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hwpkho.memmap import read_memmap
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.memmap.model import Map, MemoryMap

Reader = Callable[..., "MemoryMap"]

FIXTURES = ROOT / "fixtures" / "memmaps"
TRUTH: dict[str, Any] = json.loads((FIXTURES / "truth.json").read_text())

READABLE = [
    name
    for name, truth in TRUTH.items()
    if truth["expect"] == "ok" and truth.get("boots_identical", True)
]
SEVERAL = [name for name, truth in TRUTH.items() if not truth.get("boots_identical", True)]
REFUSED = [name for name, truth in TRUTH.items() if truth["expect"] == "refuse"]

_STAMP = re.compile(r"^(?:<\d>)?\[ *\d+\.\d+\](?: ?\[ *T\d+\])? ?", re.MULTILINE)


def rows(map_: Map) -> list[list[Any]]:
    """Entries as they stand in ``truth.json``: attributes only where they are told."""
    out = []
    for entry in map_.entries:
        told = {k: v for k, v in entry.attributes.items() if k in ("attr", "depth")}
        out.append([entry.start, entry.end, entry.type, *([told] if told else [])])
    return out


def plain(entries: list[list[Any]]) -> list[tuple[int, int, str]]:
    """Start, end and type of rows."""
    return [(e[0], e[1], e[2]) for e in entries]


def named(memmap: MemoryMap, name: str) -> Map:
    """The one map of a name."""
    (found,) = [m for m in memmap.maps if m.name == name]
    return found


def primary(memmap: MemoryMap) -> Map:
    """The one primary map."""
    (found,) = [m for m in memmap.maps if m.primary]
    return found


def text_of(name: str) -> str:
    """A fixture as text with plain line ends."""
    data = (FIXTURES / name).read_bytes()
    encoding = "utf-16" if data[:2] == b"\xff\xfe" else "utf-8"
    return data.decode(encoding, "replace").replace("\r", "")


def unstamped(text: str) -> str:
    """A kernel log without its time stamps."""
    return _STAMP.sub("", text)


def read_text(path: Path, text: str | bytes, **options: Any) -> MemoryMap:
    """Write ``text`` to ``path`` and read it as a memory map."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_memmap([str(path)], **options)
