"""How inputs are packed: streams of every compression, tar archives, and images of records, each
with its headers and its content changed, cut off, spliced or made of several.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
from typing import TYPE_CHECKING, Literal

import cramjam
from backports import zstd

from hwpkho.images.records import AVML, LIME
from tests.support import captures

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

METHODS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: gzip.compress(data, 1),
    bz2.compress,
    lambda data: lzma.compress(data, preset=0),
    zstd.compress,
)
_KINDS = (b"0", b"0", b"0", b"\0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"S", b"x", b"g", b"L",
          b"K", b"V", b"Z")  # fmt: skip
_NUMBERS = (
    b"00000000000\0", b"77777777777\0", b"\x80" + b"\0" * 10 + b"\1", b"\xff" * 12,
    b"\x80" + b"\xff" * 11, b"-0000000001\0", b"            ", b"00000001000\0", b"\0" * 12,
)  # fmt: skip
_NAMES = ("../../etc/passwd", "/dev/zero", ".", "", "a/../../b", "a//b/./c", "x" * 300, "\x1b[2J",
          "/".join("d" * 90), "memory.elf/x", "iomem.txt", "out/fdt")  # fmt: skip
_WORDS = (0, 1, 0xFFF, 4096, 1 << 32, (1 << 63) - 1, (1 << 64) - 4096, (1 << 64) - 1)


def stream(rng: random.Random, data: bytes) -> bytes:
    """Return ``data`` compressed, mostly changed, cut off, or with something behind it."""
    method = rng.choice(METHODS)
    packed = bytearray(method(data))
    kind = rng.random()
    if kind < 0.15:
        packed += rng.choice(METHODS)(data[:1000])  # not always another one of its kind
    elif kind < 0.25:
        packed += rng.choice((bytes(600), b"rest", rng.randbytes(40)))
    elif kind < 0.4:
        del packed[rng.randrange(len(packed)) :]
    elif kind < 0.7:
        reach = min(len(packed), 40) if rng.random() < 0.5 else len(packed)
        for _ in range(rng.choice((1, 1, 2, 8))):
            packed[rng.randrange(reach)] = rng.randrange(256)
    elif kind < 0.8:
        packed = bytearray(method(bytes(packed)))  # twice: it is unpacked once
    return bytes(packed)


def archive(rng: random.Random, files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive of files; names, kinds, sizes and sums of some members are wrong."""
    out = bytearray()
    odd = rng.random() < 0.7
    for name, data in files.items():
        if odd and rng.random() < 0.1:
            name = rng.choice(_NAMES)
        info = tarfile.TarInfo(name)
        info.size = len(data)
        pax = rng.random() < 0.5
        if rng.random() < 0.1:
            info.pax_headers = {
                "GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                "GNU.sparse.realsize": str(rng.choice(_WORDS)), "size": str(rng.choice(_WORDS)),
            }  # fmt: skip
            pax = True
        form: Literal[1, 2] = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
        head = bytearray(info.tobuf(form, "utf-8", "surrogateescape"))
        if odd and rng.random() < 0.15:
            last = len(head) - 512
            if rng.random() < 0.5:
                head[last + 124 : last + 136] = rng.choice(_NUMBERS)
            else:
                head[last + 156 : last + 157] = rng.choice(_KINDS)
            if rng.random() < 0.9:
                body = head[last : last + 148] + b" " * 8 + head[last + 156 : last + 512]
                head[last + 148 : last + 156] = b"%06o\0 " % sum(body)
        out += head + data + bytes(-len(data) % 512)
    out += bytes(rng.choice((0, 512, 1024, 10240)))
    if rng.random() < 0.1:
        del out[rng.randrange(len(out)) :]
    return bytes(out)


def records(rng: random.Random) -> bytes:
    """Return a LiME or a compressed AVML image of a capture with wrong headers and chunks."""
    magic = rng.choice((LIME, AVML))
    out = bytearray()
    for phys, data in captures.segments(captures.elf("x86-structv1-small")):
        first, last = phys, phys + len(data) - 1
        if rng.random() < 0.05:
            first, last = rng.choice((first, *_WORDS)), rng.choice((last, *_WORDS))
        out += struct.pack("<8sQQQ", magic, first, last, 0)
        if magic == LIME:
            out += data
            continue
        packed = bytearray(cramjam.snappy.compress(data))
        if rng.random() < 0.1:
            packed[rng.randrange(min(len(packed), 40))] = rng.randrange(256)
        if rng.random() < 0.05:
            packed[rng.randrange(len(packed))] = rng.randrange(256)
        out += packed + struct.pack("<Q", len(packed) if rng.random() < 0.98 else 7)
    for _ in range(rng.choice((0, 0, 1, 3))):
        out[rng.randrange(min(len(out), 300))] = rng.randrange(256)
    if rng.random() < 0.2:
        del out[rng.randrange(len(out)) :]
    return bytes(out)
