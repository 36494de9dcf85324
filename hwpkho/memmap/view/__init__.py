"""One view of a memory map: what each frame is to the next kernel, and who may own it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.codes import Problem
    from hwpkho.memmap.cmdline import Cmdline
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view.common import IomemOf, View


class Kernel(Protocol):
    """How a kernel makes its memory out of the maps that it is given."""

    def build(
        self,
        maps: Mapping[str, Map],
        line: Cmdline | None,
        iomem_of: IomemOf,
        problems: list[Problem],
        /,
    ) -> View | None:
        """Return what memory is to it; None where no map tells of RAM.

        ``line`` is its command line, None where that is not known; what is odd is added to
        ``problems``.
        """


#: By what the kernel builds its memory from: :attr:`hwpkho.base.arch.Arch.memory`.
VIEWS: Registry[Kernel] = Registry(
    "view of memory",
    {"e820": "hwpkho.memmap.view.x86", "memblock": "hwpkho.memmap.view.arm64"},
)
