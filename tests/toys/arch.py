"""An architecture: 8 KiB pages, 40 bits of physical address, and 2 MiB that its kernel keeps.

Its kernel takes /proc/iomem as arm64 does, and gives no memory above 2 GiB to the page allocator.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hwpkho.base.arch import ARCHES, Arch, LowMemory, PageSize
from hwpkho.memmap.view import VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.codes import Problem
    from hwpkho.memmap.cmdline import Cmdline
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view.common import IomemOf, View

_HIGH = 1 << 31

TOY = Arch(
    name="toy",
    elf=(0x9026, 2),
    machine="toy64",
    prstatus=344,
    pages={8192: PageSize(section_bits=28, early_pages=32, early_scratch=1 << 20)},
    boot="device-tree",
    memory="toy-view",
    crash_align=4 << 20,
    phys_bits=40,
    low=LowMemory(2 << 20, "toy's own"),
)


def build(
    maps: Mapping[str, Map], line: Cmdline | None, iomem_of: IomemOf, problems: list[Problem], /
) -> View | None:
    view = VIEWS["memblock"].build(maps, line, iomem_of, problems)
    if view is not None:
        view.spans = [
            s._replace(kind="firmware") if s.start >= _HIGH and s.kind == "ram" else s
            for s in view.spans
        ]
    return view


def register() -> None:
    VIEWS.register(TOY.memory, sys.modules[__name__])
    ARCHES.register(TOY.name, TOY)


def unregister() -> None:
    ARCHES.unregister(TOY.name)
    VIEWS.unregister(TOY.memory)
