"""Recognises /proc/ioports, which looks like /proc/iomem and is no memory map.

Source: kernel/resource.c, r_show(): addresses have 4 digits where all ports are below 0x10000, as
on x86, else 8. arm64 and riscv64 have 16 MiB of ports (PCI_IO_SIZE), of host bridges and devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.late import late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.model import Entry

#: How it begins on x86; people print it behind /proc/iomem.
BEGINS = late(r"(?:^|[\s:\]])0000-[0-9a-f]{4} : (?:PCI Bus |dma1)")

#: The last port of arm64, and the last one of its first host bridge.
_LAST, _FIRST = (16 << 20) - 1, 0xFFFF
#: Names of host bridges, buses and devices.
_OF_PCI = late(r"PCI Bus |/?pcie?@|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")
_MEMORY = late(r"RAM|reserved|Reserved")


def is_tree(entries: Sequence[Entry]) -> bool:
    """Tell whether resources with addresses of 8 digits are ports."""
    ends = [entry.end for entry in entries]
    if not any(ends) or max(ends) > _LAST or min(entry.start for entry in entries) > _FIRST:
        return False
    names = {entry.type for entry in entries}
    return any(map(_OF_PCI.match, names)) and not any(map(_MEMORY.search, names))
