"""Writes kdump-compressed images and flattened files, sound ones and others, for tests."""

from __future__ import annotations

import struct
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import cramjam
import lzallright

from hwpkho.images.kdump.decompress import LZO, RAW, SNAPPY, ZLIB, ZSTD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hwpkho.images.base import Source

DESC = struct.Struct("<QIIQ")
END = struct.pack(">qq", -1, -1)
FLAT_HEADER = struct.pack(">16sqq", b"makedumpfile", 1, 1).ljust(4096, b"\0")


def compress(method: int, page: bytes) -> tuple[int, bytes]:
    """Return the flags and the data of a page, as makedumpfile would store it."""
    data = {
        RAW: lambda: page,
        ZLIB: lambda: zlib.compress(page, 1),
        LZO: lambda: bytes(lzallright.LZOCompressor().compress(page)),
        SNAPPY: lambda: bytes(cramjam.snappy.compress_raw(page)),
        ZSTD: lambda: bytes(cramjam.zstd.compress(page)),
    }[method]()
    return (method, data) if len(data) < len(page) else (RAW, page)


def bitmap(pfns: Iterable[int], size: int) -> bytes:
    bits = bytearray(size)
    for pfn in pfns:
        bits[pfn >> 3] |= 1 << (pfn & 7)
    return bytes(bits)


def headers(
    *,
    block: int,
    max_mapnr: int,
    bitmap_blocks: int,
    version: int = 6,
    status: int = 0,
    split: tuple[int, int] | None = None,
    machine: bytes = b"x86_64",
    sysname: bytes = b"Linux",
    vmcoreinfo: bytes = b"",
    notes: bytes = b"",
    override: Mapping[str, int] | None = None,
) -> bytes:
    """Return header and sub header blocks; ``override`` replaces single fields of the header."""
    at = block + 104
    sub_blocks = -(-(104 + len(notes) + len(vmcoreinfo)) // block)
    start, end = split or (0, 0)
    value: dict[str, Any] = {
        "block_size": block,
        "sub_hdr_size": sub_blocks,
        "bitmap_blocks": bitmap_blocks,
        "max_mapnr": min(max_mapnr, 0xFFFF_FFFF),
    } | dict(override or {})
    utsname = b"".join(text.ljust(65, b"\0") for text in (sysname, b"", b"", b"", machine, b""))
    head = struct.pack(
        "<8si390s6x16xIiiIIIIIIi",
        b"KDUMP   ", version, utsname, status,
        value["block_size"], value["sub_hdr_size"], value["bitmap_blocks"], value["max_mapnr"],
        0, 0, 0, 0, 1,
    )  # fmt: skip
    sub = struct.pack(
        "<QiiQQQQQQQQQQQ",
        0, 0, bool(split), start, end,
        at + len(notes) if vmcoreinfo else 0, len(vmcoreinfo),
        at if notes else 0, len(notes), 0, 0,
        start, end, max_mapnr,
    )  # fmt: skip
    known = {1: 16, 2: 32, 3: 48, 4: 64, 5: 80}.get(version, 104)
    sub = sub[:known].ljust(104, b"\xee")  # an older writer leaves there what it likes
    return head.ljust(block, b"\0") + (sub + notes + vmcoreinfo).ljust(sub_blocks * block, b"\0")


def kdump(
    pages: Mapping[int, bytes],
    *,
    method: int = ZLIB,
    block: int = 4096,
    max_mapnr: int | None = None,
    split: tuple[int, int] | None = None,
    existing: Iterable[int] = (),
    descriptors: Mapping[int, tuple[int, int, int]] | None = None,
    tail: bytes = b"",
    **options: Any,
) -> bytes:
    """Return an image of ``pages`` (PFN → block_size bytes).

    ``existing`` are PFNs of the first bitmap only; ``descriptors`` replaces (offset, size, flags)
    of single PFNs; ``tail`` follows the data. Pages of zeros share one.
    """
    top = max([*pages, *existing], default=0) + 1
    max_mapnr = max_mapnr or top
    blocks = -(-max_mapnr // (8 * block))
    head = headers(
        block=block, max_mapnr=max_mapnr, bitmap_blocks=2 * blocks, split=split, **options
    )
    here = sorted(p for p in pages if not split or split[0] <= p < split[1])
    at = len(head) + 2 * blocks * block + len(here) * DESC.size
    table, data = bytearray(), bytearray()
    zero = None
    for pfn in here:
        if not any(pages[pfn]):
            if zero is None:
                zero = at + len(data), block, RAW
                data += bytes(block)
            place = zero
        else:
            flags, packed = compress(method, pages[pfn])
            place = at + len(data), len(packed), flags
            data += packed
        table += DESC.pack(*(descriptors or {}).get(pfn, place), 0)
    first = bitmap({*pages, *existing}, blocks * block)
    return head + first + bitmap(pages, blocks * block) + bytes(table) + bytes(data) + tail


def flat_blocks(blocks: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a flattened file of blocks ``(offset, data)`` in this order, without end mark."""
    return FLAT_HEADER + b"".join(struct.pack(">qq", at, len(d)) + d for at, d in blocks)


def flatten(data: bytes, size: int = 16384) -> bytes:
    """Return ``data`` as a flattened file, cut into blocks that come last ones first."""
    blocks = [(at, data[at : at + size]) for at in range(0, len(data), size)]
    return flat_blocks(reversed(blocks)) + END


def text_page(seed: int, size: int = 4096, start: bytes = b"") -> bytes:
    """Return a page that compresses, but not to nothing."""
    words = b"".join(sha256(bytes([seed % 256, seed // 256, i])).digest()[:8] for i in range(40))
    return (start + words * (size // len(words) + 1))[:size]


def present(source: Source) -> dict[int, bytes]:
    """Return every 4 KiB that the source says it has."""
    found = {}
    for phys, size in source.extents():
        for at in range(phys, phys + size, 4096):
            data = source.read(at, 4096)
            if data is not None:
                found[at] = bytes(data)
    return found
