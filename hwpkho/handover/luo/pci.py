"""FLBs of PCI devices: which ones the next kernel takes over as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import luo_pci as abi

if TYPE_CHECKING:
    from hwpkho.handover.luo.memory import LuoMemory
    from hwpkho.handover.luo.model import LuoFlb, Placed

#: What its pages are.
DEVICES = "list of PCI devices"


def read(found: LuoFlb, block: Placed, memory: LuoMemory, /) -> LuoFlb:
    """Return the FLB with its devices, and as it is where the block holds no list of them.

    Only posted patches have it: under the same name another kernel may keep something else.
    """
    phys, order = block
    head = memory.source.look(phys, abi.HEAD)
    size = None if head is None else abi.used_size(head, memory.page_size << order)
    if size is None or not memory.take(DEVICES, phys, order, abi.spans, f"FLB {found.name}"):
        return found
    raw = memory.source.read(phys, size)
    if raw is None:
        return found
    return found._replace(devices=tuple(map(str, abi.devices(raw))))
