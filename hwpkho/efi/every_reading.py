"""Reads what a kernel of any generation would read of a table, so that a capture keeps it.

A kernel reads every table in the layout of its own generation, and a user may choose between two
layouts that fit. So the bytes that another layout takes for the bitmap matter, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import LAYOUTS, common_flaw, has_bitmap, linked_list
from hwpkho.base.addresses import align_up

if TYPE_CHECKING:
    from hwpkho.efi.model import PoisonTable
    from hwpkho.images.base import Source

#: Bytes of a bitmap in a layout that the table does not have: 16 TiB of 2 MiB units.
_MOST = 1 << 20
#: Nodes that are followed in a table with a bitmap.
_NODES = 1 << 10
_PAGE = 4096


def keep(source: Source, table: PoisonTable, page_size: int) -> None:
    """Read what a kernel of any generation would read of ``table``, as far as ``source`` has it.

    ``source`` records what is read. ``page_size`` is the kernel's, bytes. Bits past the end of
    memory are not read: they decide nothing, and what follows a small table is other data.
    """
    if table.phys is None:
        return
    if table.layout is not None and not has_bitmap(LAYOUTS[table.layout]):
        return  # what follows the header of a list was read with it
    _keep_chain(source, table.phys, page_size)
    top = max((start + size for start, size in source.extents()), default=0)
    for layout in filter(has_bitmap, LAYOUTS):
        raw = source.read(table.phys, layout.HEAD)
        header = None if raw is None else layout.parse(bytes(raw))
        if header is None or common_flaw(header) or header.phys_base % header.unit_size:
            continue  # no kernel reads further
        matters = align_up(top // header.unit_size // 8 + 8, 8)
        size = min(align_up(header.size, 8), matters, _MOST)
        _read(source, table.phys + layout.HEAD, table.phys + layout.HEAD + size)


def _read(source: Source, at: int, end: int) -> None:
    while at < end:
        size = min(_PAGE - at % _PAGE, end - at)
        if source.read(at, size) is None:
            return
        at += size


def _keep_chain(source: Source, at: int, page_size: int) -> None:
    """Read what generation a would: it takes any table for a node, and checks nothing."""
    seen: set[int] = set()
    while at and at not in seen and len(seen) < _NODES:
        seen.add(at)
        raw = source.read(at, linked_list.HEAD)
        if raw is None:
            return
        node = linked_list.parse(raw)
        size = max(node.used, 0) * linked_list.ENTRY
        if at % page_size + linked_list.HEAD + size > page_size:
            return  # generation a faults at the end of the page
        _read(source, at + linked_list.HEAD, at + linked_list.HEAD + size)
        at = node.next
