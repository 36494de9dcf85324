"""The registry of subtree readers: one module and one line here for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi import fdt
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.base.registry import Registry
from hwpkho.codes.preserved import SUBTREE_UNREAD
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.handover.owners import Owner
    from hwpkho.handover.problems import Report
    from hwpkho.handover.reach import Reach
    from hwpkho.handover.subtrees.base import SubtreeReader
    from hwpkho.images.base import Source

#: Depth and nodes of an unknown subtree's FDT.
_LIMITS = (8, 256)
#: The name and version with which most structures begin: ``luo-v5``, ``pci-v1;block-v1``; a NUL.
_VERSIONED = late(rb"([a-z][a-z0-9_,.-]{0,61}[-_]v[0-9]{1,4}(?:;[a-z0-9_-]{1,32}){0,8})\0")

#: By the node's name.
SUBTREES: Registry[SubtreeReader] = Registry(
    "subtree",
    {
        "memblock": "hwpkho.handover.subtrees.memblock:READER",
        "LUO": "hwpkho.handover.subtrees.luo:READER",
        "kexec-metadata": "hwpkho.handover.subtrees.kexec_metadata:READER",
        "kho_test": "hwpkho.handover.subtrees.kho_test:READER",
        "hwpoison": "hwpkho.handover.subtrees.hwpoison:READER",
    },
)


def reader_of(name: str) -> SubtreeReader | None:
    """Return the reader of the node ``name``, with or without unit address; None for an unknown."""
    return SUBTREES.get(name.split("@", 1)[0])


def read(
    reader: SubtreeReader | None,
    raw: bytes | memoryview | None,
    source: Source,
    page_size: int | None,
    report: Report,
) -> Mapping[str, Any] | None:
    """Return a blob's fields, ready for JSON; None without a blob, for an invalid or empty one.

    Without a ``reader``, only the compatible string with which most blobs begin.
    """
    if raw is None:
        return None
    try:
        if reader is None:
            compatible = _compatible(bytes(raw))
            return {"compatible": printable(compatible)} if compatible else None
        return reader.read(bytes(raw), source, page_size, report) or None
    except (InputError, ValueError):
        return None


def _compatible(raw: bytes) -> bytes | None:
    """Return the compatible string of an FDT, or at the beginning of a structure, else None.

    Raises InputError for an invalid FDT.
    """
    if raw.startswith(fdt.MAGIC):
        tree = fdt.parse(raw, _LIMITS)
        return (tree.root.get("compatible") or b"").split(b"\0", 1)[0] or None
    begins = _VERSIONED.match(raw)
    return begins and begins[1]


def follow(
    reader: SubtreeReader | None, raw: bytes | memoryview | None, phys: int | None, reach: Reach
) -> Owner | None:
    """Return the preserved memory that a blob leads to, None where there is only the blob.

    None also without a reader or a blob, and, reported, for an invalid blob.
    """
    if reader is None or raw is None:
        return None
    try:
        return reader.follow(bytes(raw), phys, reach)
    except (InputError, ValueError) as error:
        reach.report.add(SUBTREE_UNREAD, f"{reader.name}: {error}", phys)
        return None
