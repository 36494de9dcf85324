"""An architecture: 8 KiB pages, 40 bits of physical address, and 2 MiB that its kernel keeps.

Its kernel takes /proc/iomem as arm64 does, and gives no memory above 2 GiB to the page allocator;
``lowmem=`` on its command line says where that limit is, ``mem=`` it has not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hwpkho.abi.params import memparse
from hwpkho.base.arch import ARCHES, Arch, BootLine, LowMemory, PageSize
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError
from hwpkho.memmap.view import VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view import Parameter
    from hwpkho.memmap.view.cmdline import Cmdline
    from hwpkho.memmap.view.common import IomemOf, View

_HIGH = 1 << 31


def _lowmem(line: Cmdline, value: str) -> None:
    line.limit, rest = memparse(value, "lowmem=")
    if rest:
        raise UsageError(f"lowmem=: {printable(rest)} is not understood")


def parameters() -> dict[str, Parameter]:
    return {"lowmem": _lowmem}


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
    boot_lines=(BootLine(b"Toy processor ", r"\bToy processor [0-9]+ starts$"),),
)


def build(
    maps: Mapping[str, Map], line: Cmdline | None, iomem_of: IomemOf, problems: list[Problem], /
) -> View | None:
    view = VIEWS["memblock"].build(maps, None, iomem_of, problems)
    limit = line.limit if line and line.limit else _HIGH
    if view is not None:
        view.spans = [
            s._replace(kind="firmware") if s.start >= limit and s.kind == "ram" else s
            for s in view.spans
        ]
    return view


def register() -> None:
    VIEWS.register(TOY.memory, sys.modules[__name__])
    ARCHES.register(TOY.name, TOY)


def unregister() -> None:
    ARCHES.unregister(TOY.name)
    VIEWS.unregister(TOY.memory)
