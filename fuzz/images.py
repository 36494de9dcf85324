"""Memory images: captures changed at the places that matter (headers, root FDT, blob, chunks,
tracker) and at random ones, cut and spliced.
"""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

from hwpkho.images.kdump.decompress import LZO, ZLIB
from tests.support import FIXTURES, captures, kdump_writer

if TYPE_CHECKING:
    import random

FDT = b"\xd0\x0d\xfe\xed"
WORDS = [
    struct.pack(order + size, value)
    for order in "<>"
    for size, top in (("H", 16), ("I", 32), ("Q", 64))
    for value in (0, 1, 2, (1 << top) - 1, 1 << (top - 1), 4096, 4095)
]


def seeds() -> list[tuple[bytes, list[int]]]:
    """Return images and, for each, the offsets at which their structures lie."""
    found = []
    for name in captures.NAMES:
        image = captures.elf(name)
        if len(image) > 1 << 20:
            continue
        places = [*range(0, 64, 4), *range(64, 400, 8)]
        for h in captures.truth(name)["handovers"]:
            wanted = [(h["root_phys"], 360), (h["memory_map"], 4096)]
            wanted += [(s["phys"], 73) for s in h.get("subtrees", ())]
            wanted += [(h["blob_phys"], 64)] if "blob_phys" in h else []
            wanted += [(c, 64) for c in h.get("chunks", ())]
            for phys, size in wanted:
                at = _offset(image, phys)
                if at is not None:
                    places += range(at, at + size, 4)
        found.append((image, places))
        if name.endswith("small"):
            pages = {
                phys // 4096: data
                for phys, data in captures.pages(name).items()
                if len(data) == 4096
            }
            for method in (ZLIB, LZO):
                dump = kdump_writer.kdump(pages, method=method)
                found.append((dump, [*range(0, 600, 4), *range(4096, 4300, 4)]))
                flat = kdump_writer.flatten(dump)
                found.append((flat, [*range(0, 64, 4), *range(4096, 4200, 8)]))
    for path in sorted((FIXTURES / "defects").glob("*.elf.gz")):
        image = gzip.decompress(path.read_bytes())
        places = [*range(0, 400, 4)]
        at = image.find(FDT)
        while at >= 0:
            places += range(at, at + 360, 4)
            at = image.find(FDT, at + 1)
        found.append((image, places))
    return found


def _offset(image: bytes, phys: int) -> int | None:
    phoff, phnum = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    for i in range(phnum):
        p = struct.unpack_from("<IIQQQQQQ", image, phoff + 56 * i)
        if p[0] == 1 and p[4] <= phys < p[4] + p[5]:
            return int(p[2] + phys - p[4])
    return None


def mutate(rng: random.Random, image: bytes, places: list[int]) -> bytes:
    """Return a changed copy of an image."""
    data = bytearray(image)
    for _ in range(rng.choice((1, 1, 2, 3, 8, 32))):
        if not data:
            break
        at = min(rng.choice(places), len(data) - 1)
        if rng.random() < 0.1:
            at = rng.randrange(len(data))
        kind = rng.random()
        if kind < 0.4:
            data[at] ^= 1 << rng.randrange(8)
        elif kind < 0.7:
            word = rng.choice(WORDS)
            data[at : at + len(word)] = word
        elif kind < 0.9:
            other, size = rng.choice(places), rng.choice((4, 8, 16, 64))
            data[at : at + size] = data[other : other + size]
        elif kind < 0.97:
            data[at : at + 8] = rng.randbytes(8)
        else:
            del data[rng.randrange(len(data)) :]
            places = [p for p in places if p < len(data)] or [0]
    return bytes(data)
