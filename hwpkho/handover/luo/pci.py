"""The FLB ``pci-v1``: the PCI devices that the next kernel takes over without a reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import luo_pci as abi

if TYPE_CHECKING:
    from hwpkho.handover.luo.memory import LuoMemory
    from hwpkho.handover.luo.model import LuoFlb, Placed

#: Name of its pages.
DEVICES = "list of PCI devices"


def read(found: LuoFlb, block: Placed, memory: LuoMemory, /) -> LuoFlb:
    """Return the FLB with its devices; unchanged where the block does not look like a list of them.

    The structure is that of unmerged patches: another kernel may use the name for something else.
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
