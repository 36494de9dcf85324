"""What is known of the content of a subtree that is not ours.

A new kind is a function here and a line in ``KINDS``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hwpkho.codecs import fdt
from hwpkho.codecs.metadata import KexecMetadata
from hwpkho.errors import InputError
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable


#: Depth and nodes: a kernel takes eight reserve_mem= areas.
_MEMBLOCK_LIMITS = (4, 64)


def _memblock(raw: bytes) -> dict[str, Any]:
    """mm/memblock.c: an FDT with a node ``reserve-mem-v1`` for each reserve_mem= area."""
    tree = fdt.parse(raw, _MEMBLOCK_LIMITS)
    areas = []
    for node in tree.root.children:
        start, size = node.get("start"), node.get("size")
        if start is not None and size is not None and len(start) == len(size) == 8:
            areas.append(
                {
                    "name": printable(node.name.encode("latin-1")),
                    "start": struct.unpack("<Q", start)[0],
                    "size": struct.unpack("<Q", size)[0],
                }
            )
    return {"reserve_mem": areas}


def _luo(raw: bytes) -> dict[str, Any]:
    """include/linux/kho/abi/luo.h: a plain structure that begins with its compatible string."""
    text, end, _ = raw[:32].partition(b"\0")
    if not end or not text.startswith(b"luo-v"):
        raise InputError("does not begin with luo-v…")
    return {"compatible": printable(text)}


def _kexec_metadata(raw: bytes) -> dict[str, Any]:
    metadata = KexecMetadata.parse(raw)
    return {
        "previous_release": printable(metadata.previous_release),
        "kexec_count": metadata.kexec_count,
    }


#: Node name → (kind, reader of the blob). Readers raise InputError or ValueError.
KINDS: dict[str, tuple[str, Callable[[bytes], dict[str, Any]]]] = {
    "memblock": ("memblock", _memblock),
    "LUO": ("luo", _luo),
    "kexec-metadata": ("kexec-metadata", _kexec_metadata),
    "hwpoison": ("hwpoison", lambda _: {}),
}


def describe(name: str, raw: bytes | memoryview | None) -> tuple[str | None, dict[str, Any] | None]:
    """Return the kind of the subtree ``name`` and what its blob says, None where it does not."""
    kind, read = KINDS.get(name.split("@", 1)[0], (None, None))
    if read is None or raw is None:
        return kind, None
    try:
        return kind, read(bytes(raw)) or None
    except (InputError, ValueError):
        return kind, None
