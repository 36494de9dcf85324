"""The subtrees whose blobs are read: a module each, and a line here."""

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

#: Of a device tree that nobody knows: depth and nodes.
_LIMITS = (8, 256)
#: How a structure begins that names its version: ``luo-v5``, ``pci-v1;block-v1``, and a NUL.
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
    """Return the reader of the node ``name``, a unit address not counted; None where none is."""
    return SUBTREES.get(name.split("@", 1)[0])


def read(
    reader: SubtreeReader | None,
    raw: bytes | memoryview | None,
    source: Source,
    page_size: int | None,
    report: Report,
) -> Mapping[str, Any] | None:
    """Return what a blob says; None without a blob, and where it says nothing.

    Of one that nobody reads it is the name and version with which most begin.
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
    """Return the compatible string of a device tree, or with which a structure begins, else None.

    Raises InputError for an invalid device tree.
    """
    if raw.startswith(fdt.MAGIC):
        tree = fdt.parse(raw, _LIMITS)
        return (tree.root.get("compatible") or b"").split(b"\0", 1)[0] or None
    begins = _VERSIONED.match(raw)
    return begins and begins[1]


def follow(
    reader: SubtreeReader | None, raw: bytes | memoryview | None, phys: int | None, reach: Reach
) -> Owner | None:
    """Return what a blob leads to; None without a reader or a blob, and where it is all.

    What keeps it from being read is reported.
    """
    if reader is None or raw is None:
        return None
    try:
        return reader.follow(bytes(raw), phys, reach)
    except (InputError, ValueError) as error:
        reach.report.add(SUBTREE_UNREAD, f"{reader.name}: {error}", phys)
        return None
