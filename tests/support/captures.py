"""The real captures in fixtures/captures, unpacked."""

from __future__ import annotations

import gzip
import json
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.support import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

CAPTURES = FIXTURES / "captures"
NAMES = sorted(p.name for p in CAPTURES.iterdir() if p.is_dir())
#: With sessions of LUO; what holds for every capture is not run on each of them as well.
LUO = FIXTURES / "luo"
LUO_NAMES = sorted(p.name for p in LUO.iterdir() if p.is_dir())
#: Those with a copy of /sys/kernel/debug/kho.
DEBUGFS = [n for n in NAMES if (CAPTURES / n / "debugfs-kho").is_dir()]


def _bytes(path: Path) -> bytes:
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()


def folder(name: str) -> Path:
    """Where a capture is."""
    return (LUO if name in LUO_NAMES else CAPTURES) / name


@cache
def truth(name: str) -> dict[str, Any]:
    """What the kernel said of itself."""
    found: dict[str, Any] = json.loads(_bytes(folder(name) / "truth.json"))
    return found


@cache
def elf(name: str) -> bytes:
    """The bytes of memory.elf."""
    return _bytes(folder(name) / "memory.elf")


def segments(image: bytes) -> list[tuple[int, bytes]]:
    """Return ``(p_paddr, bytes)`` of the PT_LOADs, read without hwpkho."""
    phoff, phnum = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    table = [struct.unpack_from("<IIQQQQQQ", image, phoff + 56 * i) for i in range(phnum)]
    return [(p[4], image[p[2] : p[2] + p[5]]) for p in table if p[0] == 1]


@cache
def pages(name: str) -> dict[int, bytes]:
    """Return the memory of a capture as 4 KiB pages by physical address."""
    found = {}
    for start, data in segments(elf(name)):
        for at in range(0, len(data), 4096):
            found[start + at] = data[at : at + 4096]
    return found


def memory(name: str, phys: int, size: int) -> bytes:
    """Return ``size`` bytes at ``phys``; KeyError where the capture lacks them."""
    held = pages(name)
    first = phys & -4096
    joined = b"".join(held[a] for a in range(first, phys + size, 4096))
    return joined[phys - first : phys - first + size]


def handovers() -> list[tuple[str, dict[str, Any]]]:
    """Return ``(capture, truth of one handover)`` for all."""
    return [(n, h) for n in NAMES for h in truth(n)["handovers"]]
