"""Takes the other subtrees' blobs out of a handover, as far as their size is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.kho import HWPOISON, SubtreeRef, Version
from hwpkho.base.escape import printable
from hwpkho.encode.request import MAX_SUBTREE, MAX_SUBTREES, NODE_NAME
from hwpkho.handover.subtrees.registry import reader_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.handover.model import Handover
    from hwpkho.images.base import Source


def keep(
    handover: Handover, source: Source, target: Version
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Return ``(subtrees, left out)`` of a handover, apart from hwpoison.

    ``subtrees`` are ``(node name, blob)``, newest first. ``left out`` has a line for each of the
    others, on why it cannot be copied to a handover of version ``target``. What a blob points to is
    never copied.
    """
    root = handover.root.fdt if handover.root else None
    kept: list[tuple[str, bytes]] = []
    left_out: list[str] = []
    if root is None:
        return kept, ["the root FDT was not given, so its subtrees are unknown"]
    names = {HWPOISON}
    total = 0
    for ref in root.subtrees:
        if ref.name.split("@", 1)[0] == HWPOISON:
            continue
        reader = reader_of(ref.name)
        blob = _blob(ref, source, MAX_SUBTREES - total)
        if reader is not None and reader.dangles:
            why = "what it points to is not copied, so its pointers would dangle"
        elif isinstance(blob, str):
            why = blob
        elif ref.name in names:
            why = "a second one of that name"
        elif not NODE_NAME.fullmatch(ref.name):
            why = "not a valid name of a device-tree node"
        elif target.fdts and blob[:4] != fdt.MAGIC:
            why = f"{target.compatible} takes FDTs only"
        else:
            total += len(blob)
            names.add(ref.name)
            kept.append((ref.name, blob))
            continue
        left_out.append(f"subtree {printable(ref.name[:80])} is left out: {why}")
    return kept, left_out


def _blob(ref: SubtreeRef, source: Source, room: int) -> bytes | str:
    """Return the blob, or why there is none."""
    if ref.defect or ref.phys is None:
        return ref.defect or "its address is unknown"
    size = next(_sizes(ref, source), None)
    if size is None:
        return "its size is unknown"
    if not 0 < size <= min(MAX_SUBTREE, room):
        return f"{size} bytes; a blob has 1 to {MAX_SUBTREE}, all together {MAX_SUBTREES}"
    data = source.read(ref.phys, size)
    return bytes(data) if data is not None else f"0x{ref.phys:x} is not in the image"


def _sizes(ref: SubtreeRef, source: Source) -> Iterator[int]:
    """Yield the size by the root FDT, by the blob where it is an FDT, by its reader; best first."""
    if ref.size is not None:
        yield ref.size
    head = source.read(ref.phys or 0, 8)
    total = fdt.totalsize(head) if head is not None else None
    if total is not None:
        yield total
    reader = reader_of(ref.name)
    if reader is not None and reader.size is not None:
        yield reader.size
