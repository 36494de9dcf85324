"""Revision struct-v1 of the hwpoison blob: ``struct kho_hwpoison_metadata``, 32 packed bytes.

Source: the proposed include/linux/kho/abi/hwpoison.h, KHO_HWPOISON_METADATA_VERSION 1. The checks
have the consumer's order: size ≥ 4, version, size ≥ 32.
"""

from __future__ import annotations

import struct

from hwpkho.abi.hwpoison import HwpoisonBlob, MalformedBlobError
from hwpkho.abi.spans import Span
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.base.counting import counted
from hwpkho.codes.blob import BLOB_SHORT, BLOB_VERSION

NAME = "struct-v1"
VERSION = 1
SIZE = 32
#: From this on a number in a file cannot be a version.
_MAX_VERSION = 16
EMPTY_PANICS = False
IS_FDT = False


def matches(_raw: bytes) -> bool:
    """Return True: every blob that no other revision matches counts as this one."""
    return True


def of_file(head: bytes, size: int) -> bytes | None:
    """Return the first 32 bytes where they begin with a version and only zeros follow them."""
    if size < 4 or not 0 < head[0] < _MAX_VERSION or any(head[1:4]) or any(head[SIZE:]):
        return None
    return head[:SIZE]


def length(_head: bytes, registered: int | None, _page_size: int) -> int:
    """Return 32, or the registered size where that is less."""
    return SIZE if registered is None else min(registered, SIZE)


def registered_size(_page_size: int) -> int:
    """Return 32, the size of the structure in bytes."""
    return SIZE


def version(raw: bytes) -> int | None:
    """Return the first field, None for fewer than 4 bytes."""
    return int.from_bytes(raw[:4], "little") if len(raw) >= 4 else None


def parse(raw: bytes) -> HwpoisonBlob:
    """Read the blob, which may be longer than the structure.

    Raises MalformedBlobError where the consumer refuses it.
    """
    from hwpkho.abi import headers

    if len(raw) < 4:
        raise MalformedBlobError(
            BLOB_SHORT, f"{counted(len(raw), 'byte')}, the version alone needs 4"
        )
    (version,) = struct.unpack_from("<I", raw)
    if version != VERSION:
        raise MalformedBlobError(BLOB_VERSION, f"version {version}, known is {VERSION}")
    if len(raw) < SIZE:
        raise MalformedBlobError(BLOB_SHORT, f"{len(raw)} bytes, the structure has {SIZE}")
    h = headers.parse(headers.HWPOISON, raw[:SIZE])
    vmalloc = KhoVmalloc(h.pfns.first, h.pfns.total_pages, h.pfns.flags, h.pfns.order)
    return HwpoisonBlob(NAME, version, h.count, vmalloc, h.pad)


def spans(raw: bytes) -> list[Span]:
    """Return the parts of the structure, whatever its version."""
    if len(raw) < SIZE:
        return [Span(0, len(raw), "cut off")]
    version, pad, count, first, pages, flags, order = struct.unpack_from("<IIQQIHH", raw)
    return [
        Span(0, 4, f"version {version}", "version"),
        Span(4, 4, f"_pad 0x{pad:x}", "_pad"),
        Span(8, 8, f"count {count}", "count"),
        Span(16, 8, f"pfns.first 0x{first:x}", "pfns.first"),
        Span(24, 4, f"pfns.total_pages {pages}", "pfns.total_pages"),
        Span(28, 2, f"pfns.flags 0x{flags:x}", "pfns.flags"),
        Span(30, 2, f"pfns.order {order}", "pfns.order"),
    ]


def build(blob: HwpoisonBlob, _page_size: int) -> bytes:
    """Return the 32 bytes of the structure."""
    from hwpkho.abi import headers

    v = blob.vmalloc
    return headers.build(
        headers.HWPOISON,
        version=blob.version,
        pad=blob.pad,
        count=blob.count,
        pfns={
            "first": v.first, "total_pages": v.total_pages, "flags": v.flags, "order": v.order,
        },
    )  # fmt: skip
