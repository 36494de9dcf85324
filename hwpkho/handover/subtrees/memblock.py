"""The subtree memblock: an FDT with a node for each reserve_mem= area (mm/memblock.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.abi import fdt
from hwpkho.base.addresses import human_bytes
from hwpkho.base.escape import printable
from hwpkho.handover.owners import Claim
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hwpkho.handover.owners import Block
    from hwpkho.handover.problems import Report
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source

#: Depth and nodes: a kernel accepts eight reserve_mem= areas.
_LIMITS = (4, 64)
#: The most areas that are shown to people; JSON documents have all.
_MAX_SHOWN = 8


class Area(NamedTuple):
    """A reserve_mem= area.

    Attributes:
        name: Its name, printable.
        start: Physical address, bytes.
        size: Bytes.
    """

    name: str
    start: int
    size: int


class Areas(NamedTuple):
    """All reserve_mem= areas of a handover."""

    areas: tuple[Area, ...]

    def blocks(self, _page_shift: int) -> tuple[Block, ...]:
        """See :meth:`Owner.blocks`: none, as the blob has everything."""
        return ()

    def claims(self, page_shift: int) -> Iterator[Claim]:
        """See :meth:`Owner.claims`: one for each area."""
        for area in self.areas:
            if area.size:
                ends = area.start >> page_shift, (area.start + area.size - 1) >> page_shift
                yield Claim("reserve-mem", area.name, areas=[ends], known_by="name")


class MemblockReader(SubtreeReader):
    """See the module."""

    name = "memblock"
    kind = "memblock"

    def read(
        self, raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return the areas."""
        return {"reserve_mem": [area._asdict() for area in _areas(raw)]}

    def follow(self, raw: bytes, _phys: int | None, _reach: Reach) -> Areas:
        """Return the areas."""
        return Areas(tuple(_areas(raw)))

    def shown(self, details: Mapping[str, Any]) -> str:
        """Return the first areas as text."""
        areas = [
            f"{a['name']} 0x{a['start']:x}+{human_bytes(a['size'])}" for a in details["reserve_mem"]
        ]
        return f"reserve_mem {', '.join(areas[:_MAX_SHOWN])}" if areas else ""


def _areas(raw: bytes) -> Iterator[Area]:
    for node in fdt.parse(raw, _LIMITS).root.children:
        start, size = node.get("start"), node.get("size")
        if start is not None and size is not None and len(start) == len(size) == 8:
            yield Area(
                printable(node.name.encode("latin-1")),
                struct.unpack("<Q", start)[0],
                struct.unpack("<Q", size)[0],
            )


READER = MemblockReader()
