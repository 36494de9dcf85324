"""EFI tables of poisoned memory: the real captures in fixtures/efi, and images made for a test."""

from __future__ import annotations

import gzip
import json
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from hwpkho.abi import efi_config
from hwpkho.abi.efi_poisoned import GUID, Header, bitmap_layout, bits, linked_list
from tests.support import FIXTURES
from tests.support.handovers import elf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EFI = FIXTURES / "efi"
NAMES = sorted(p.name for p in (EFI / "captures").iterdir())
UNIT = 2 << 20
#: Where made images have the table and the entry that names it.
TABLE, ENTRY = 0x1FB74018, 0x1F9ECDB8
#: Where they have the first node of a list.
NODE = 0xF000000
_NEIGHBOUR = bytes.fromhex("302d9deb882dd3119a160090273fc14d") + struct.pack("<Q", 0x1FB7E000)


@cache
def truth(name: str) -> dict[str, Any]:
    """What the kernel said of itself."""
    raw = (EFI / "captures" / name / "truth.json.gz").read_bytes()
    found: dict[str, Any] = json.loads(gzip.decompress(raw))
    return found


def unpack(name: str, folder: Path) -> Path:
    """Write the memory.elf of a capture into ``folder``."""
    path = folder / f"{name}.elf"
    if not path.exists():
        raw = (EFI / "captures" / name / "memory.elf.gz").read_bytes()
        path.write_bytes(gzip.decompress(raw))
    return path


@cache
def outcomes() -> list[dict[str, Any]]:
    """What real kernels did."""
    found: list[dict[str, Any]] = json.loads(
        gzip.decompress((EFI / "outcomes.json.gz").read_bytes())
    )
    return found


def table(
    units: Iterable[tuple[int, int]] = ((5, 6),),
    layout: str = "bitmap-base",
    *,
    version: int = 1,
    unit: int = UNIT,
    base: int = 0,
    size: int = 32,
    says: int | None = None,
) -> bytes:
    """Return a table with a bitmap; ``says`` is the size in its header."""
    header = Header(version, unit, base, size if says is None else says)
    return bitmap_layout(layout).build(header) + bits.build(units, size)


def node(
    entries: Iterable[tuple[int, int]] = (),
    following: int = 0,
    *,
    room: int = 255,
    used: int | None = None,
) -> bytes:
    """Return a node of a list; ``used`` is the count in its header."""
    raw = linked_list.build_entries(entries)
    used = len(raw) // linked_list.ENTRY if used is None else used
    return linked_list.build(linked_list.Node(room, used, following)) + raw


def entry(phys: int = TABLE, *, beside: bool = True) -> bytes:
    """Return a configuration table entry, behind one of the firmware's."""
    return _NEIGHBOUR * beside + efi_config.build(GUID, phys)


def image(
    pieces: Mapping[int, bytes], *, arch: str = "x86_64", entries: Iterable[bytes] = (entry(),)
) -> bytes:
    """Return an ELF core with ``pieces`` at their addresses, and entries from ENTRY on."""
    memory: dict[int, bytearray] = {}
    named = dict(pieces)
    joined = b"".join(entries)
    if joined:
        named[ENTRY] = joined
    for start, raw in named.items():
        for i, byte in enumerate(raw):
            page = (start + i) & -4096
            memory.setdefault(page, bytearray(4096))[(start + i) & 4095] = byte
    return elf(((phys, bytes(memory[phys])) for phys in sorted(memory)), arch)


def saved(folder: Path, pieces: Mapping[int, bytes], **more: Any) -> Path:
    """Write such an image."""
    path = folder / "efi.elf"
    path.write_bytes(image(pieces, **more))
    return path
