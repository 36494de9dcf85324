"""What is known of the content of a subtree that is not ours.

A new kind is a function here and a line in ``KINDS``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hwpkho.abi import fdt
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.base.escape import printable
from hwpkho.errors import InputError

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


#: How LUO's blob begins, its bytes, and where ``sessions_pa`` stands in it.
_LUO, _LUO_BLOB, _SESSIONS = b"luo-v", 32, 16

#: Subtrees whose blobs the kernel frees at boot, and the bytes of those.
FREED = {"LUO": _LUO_BLOB}

#: Node name → (kind, reader of the blob). Readers raise InputError or ValueError.
KINDS: dict[str, tuple[str, Callable[[bytes], dict[str, Any]]]] = {
    "memblock": ("memblock", _memblock),
    "LUO": ("luo", _luo),
    "kexec-metadata": ("kexec-metadata", _kexec_metadata),
    "hwpoison": ("hwpoison", lambda _: {}),
}


def newer(name: str, copied: bytes, there: bytes) -> str | None:
    """Say why memory may hold other bytes of a blob than a copy made before, None where it may not.

    LUO fills its blob inside reboot(KEXEC), after user space can copy it, and frees the incoming
    one at boot.
    """
    if name != "LUO" or not copied.startswith(_LUO) or len(copied) < _LUO_BLOB:
        return "the kernel has freed and reused it" if name == "LUO" else None
    if not there.startswith(_LUO):
        return "the kernel has freed and reused it"
    same = copied[:_SESSIONS] == there[:_SESSIONS]
    return "LUO was not serialized yet" if same and not any(copied[_SESSIONS:24]) else None


def released(name: str, raw: bytes | memoryview) -> bool:
    """Tell whether a blob is one that the kernel frees at boot, and its page holds other bytes."""
    return name == "LUO" and bytes(raw[: len(_LUO)]) != _LUO


def describe(name: str, raw: bytes | memoryview | None) -> tuple[str | None, dict[str, Any] | None]:
    """Return the kind of the subtree ``name`` and what its blob says, None where it does not."""
    kind, read = KINDS.get(name.split("@", 1)[0], (None, None))
    if read is None or raw is None:
        return kind, None
    try:
        return kind, read(bytes(raw)) or None
    except (InputError, ValueError):
        return kind, None
