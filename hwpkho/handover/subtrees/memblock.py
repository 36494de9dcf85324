"""memblock: an FDT with a node ``reserve-mem-v1`` for each reserve_mem= area (mm/memblock.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hwpkho.abi import fdt
from hwpkho.base.addresses import human_bytes
from hwpkho.base.escape import printable
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source

#: Depth and nodes: a kernel takes eight reserve_mem= areas.
_LIMITS = (4, 64)
#: Areas shown to people; documents have all.
_MAX_SHOWN = 8


class MemblockReader(SubtreeReader):
    """See the module."""

    name = "memblock"
    kind = "memblock"

    def read(
        self, raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return the areas."""
        tree = fdt.parse(raw, _LIMITS)
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

    def shown(self, details: Mapping[str, Any]) -> str:
        """Return the first areas."""
        areas = [
            f"{a['name']} 0x{a['start']:x}+{human_bytes(a['size'])}" for a in details["reserve_mem"]
        ]
        return f"reserve_mem {', '.join(areas[:_MAX_SHOWN])}" if areas else ""


READER = MemblockReader()
