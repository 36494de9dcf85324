"""EFI tables of poisoned memory of every layout, as files and in images, with any of their numbers
changed: headers, nodes and where they lead, entries of the configuration table.
"""

from __future__ import annotations

import gzip
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from hwpkho.abi import efi_config, efi_pool
from hwpkho.abi.efi_poisoned import GUID
from tests.support import efi

if TYPE_CHECKING:
    import random

LAYOUTS = ("list", "bitmap-base", "bitmap")
#: What a field may say: edges of pages, words, processors and the numbers themselves.
_ADDRESSES = (
    0, 1, 8, 0x18, 0xFF8, 4096, 0x1000_0000, 0x3FFF_F000, 1 << 32, 1 << 40, 1 << 46, 1 << 52,
    1 << 63, (1 << 64) - 4096, (1 << 64) - 1, 0xFFFF_FFFF_8123_4560,
)  # fmt: skip
_SIZES = (
    0, 1, 7, 8, 12, 32, 38, 64, 4096, 4104, 1 << 20, 1 << 28, (1 << 28) + 8, 1 << 33, 1 << 40,
    1 << 57, (1 << 60), (1 << 61) - 8, 1 << 61, (1 << 64) - 24, (1 << 64) - 1,
)  # fmt: skip
_UNITS = (0, 1, 2048, 4096, 65536, 3 << 20, efi.UNIT, 1 << 30, 1 << 31, (1 << 32) - 1)
_COUNTS = (-(1 << 31), -1, 0, 1, 2, 16, 254, 255, 256, 4096, (1 << 31) - 1)
_VERSIONS = (0, 1, 1, 1, 1, 1, 2, 255, 1 << 24, (1 << 32) - 1)
_FIRST = efi.NODE


def table(rng: random.Random, layout: str) -> bytes:
    """Return a table with a bitmap whose header may say anything."""
    size = rng.choice((8, 32, 38, 64, 192, 4096, 16384))
    bits = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size), b"\x55" * size))
    if rng.random() < 0.5:
        few = bytearray(size)
        for _ in range(rng.choice((1, 5, 130))):
            few[rng.randrange(size)] |= 1 << rng.randrange(8)
        bits = bytes(few)
    odd = rng.random() < 0.6
    version, unit = (rng.choice(_VERSIONS), rng.choice(_UNITS)) if odd else (1, efi.UNIT)
    says = rng.choice(_SIZES) if odd and rng.random() < 0.5 else size
    base = rng.choice((0, unit, 16 * unit, *_ADDRESSES)) if odd else 0
    head = struct.pack("<II", version, unit)
    if layout == "bitmap-base":
        head += struct.pack("<Q", base & (1 << 64) - 1)
    raw = head + struct.pack("<Q", says) + bits
    return raw if rng.random() < 0.9 else raw[: rng.randrange(len(raw))]


def chain(rng: random.Random) -> dict[int, bytes]:
    """Return a list's root and nodes, by address; where they lead may be anywhere."""
    nodes = [_FIRST + 4096 * i for i in range(rng.choice((1, 1, 2, 3, 40)))]
    places = [efi.TABLE, *nodes]
    made = {}
    for i, at in enumerate(places):
        following = places[i + 1] if i + 1 < len(places) else 0
        if rng.random() < 0.15:
            following = rng.choice((*places, *_ADDRESSES, at + 16, at - 8))
        entries = [
            (rng.randrange(1 << 17) << 12, 4096) if rng.random() < 0.9
            else (rng.choice(_ADDRESSES), rng.choice(_SIZES))
            for _ in range(rng.choice((0, 1, 16, 255)) if i else 0)
        ]  # fmt: skip
        odd = rng.random() < 0.2
        room = rng.choice(_COUNTS) if odd else 255 if i else 0
        used = rng.choice(_COUNTS) if odd else None
        made[at] = efi.node(entries, following & (1 << 64) - 1, room=room, used=used)
    return made


def entries(rng: random.Random) -> list[bytes]:
    """Return entries of the configuration table: one, several, other tables, the kernel's copy."""
    found = [efi.entry(efi.TABLE, beside=rng.random() < 0.8)]
    while rng.random() < 0.3:
        kind = rng.random()
        if kind < 0.4:
            found.append(efi.entry(rng.choice((*_ADDRESSES, _FIRST, efi.TABLE + 4))))
        elif kind < 0.6:
            found.append(efi_config.build(GUID, 0xFFFF_FFFF_8234_5678))
        elif kind < 0.8:
            found.append(GUID * rng.choice((1, 3, 170)))
        else:
            found.insert(0, rng.randbytes(rng.choice((4, 8, 24))))
    return found


def image(rng: random.Random) -> bytes:
    """Return an ELF core with a table, or a capture of one with its table changed."""
    if rng.random() < 0.3:
        return _capture(rng)
    layout = rng.choice(LAYOUTS)
    pieces = chain(rng) if layout == "list" else {efi.TABLE: table(rng, layout)}
    raw = pieces[efi.TABLE]
    if layout != "list" and rng.random() < 0.5:  # what follows in the firmware's pool
        says = len(raw) + rng.choice((0, 0, 0, 8, -8))
        pieces[efi.TABLE + efi_pool.tail_at(len(raw))] = efi_pool.build_tail(max(0, says))
    if rng.random() < 0.2:
        pieces[_FIRST + (1 << 20)] = table(rng, rng.choice(LAYOUTS[1:]))
    arch = rng.choice(("x86_64", "x86_64", "arm64"))
    whole = efi.image(pieces, arch=arch, entries=entries(rng))
    return whole if rng.random() < 0.9 else whole[: rng.randrange(len(whole))]


@cache
def _captures() -> list[tuple[bytes, list[int]]]:
    """Return captures and the offsets of their entries, tables and nodes."""
    found = []
    for name in efi.NAMES:
        raw = gzip.decompress((efi.EFI / "captures" / name / "memory.elf.gz").read_bytes())
        if len(raw) > 1 << 18:
            continue
        places, at = [*range(0, 400, 8)], -1
        while (at := raw.find(GUID, at + 1)) >= 0:
            places += range(at, at + 32, 4)
        for mark in (b"\1\0\0\0\0\0\x20\0", b"\xff\0\0\0", b"ptal"):
            at = -1
            while (at := raw.find(mark, at + 1)) >= 0:
                places += range(max(0, at), at + 40, 4)
        found.append((raw, places))
    return found


def _capture(rng: random.Random) -> bytes:
    raw, places = rng.choice(_captures())
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.choice(places)
        kind = rng.random()
        if kind < 0.4:
            word = struct.pack("<Q", rng.choice((*_ADDRESSES, *_SIZES)))
        elif kind < 0.8:
            word = struct.pack("<I", rng.choice((*_UNITS, *_VERSIONS, *_COUNTS)) & 0xFFFF_FFFF)
        else:
            word = rng.randbytes(rng.choice((1, 4, 8)))
        data[at : at + len(word)] = word
    return bytes(data)


def file(rng: random.Random) -> bytes:
    """Return a table as a file of its own."""
    layout = rng.choice(LAYOUTS)
    if layout != "list":
        return table(rng, layout)
    made: dict[int, Any] = chain(rng)
    return bytes(rng.choice(list(made.values())))
