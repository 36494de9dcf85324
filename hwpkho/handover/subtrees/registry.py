"""The subtrees whose blobs are read: a module each, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.registry import Registry
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.handover.owners import Owner
    from hwpkho.handover.problems import Report
    from hwpkho.handover.reach import Reach
    from hwpkho.handover.subtrees.base import SubtreeReader
    from hwpkho.images.base import Source

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
    """Return what a blob says; None without a reader or a blob, and where it says nothing."""
    if reader is None or raw is None:
        return None
    try:
        return reader.read(bytes(raw), source, page_size, report) or None
    except (InputError, ValueError):
        return None


def follow(
    reader: SubtreeReader | None, raw: bytes | memoryview | None, phys: int | None, reach: Reach
) -> Owner | None:
    """Return what a blob leads to; None without a reader or a blob, and where it is all."""
    if reader is None or raw is None:
        return None
    try:
        return reader.follow(bytes(raw), phys, reach)
    except (InputError, ValueError):
        return None
