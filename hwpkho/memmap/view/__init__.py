"""One view of a memory map: what each frame is to the next kernel, and who may own it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view.cmdline import Cmdline
    from hwpkho.memmap.view.common import IomemOf, View

    Parameter = Callable[[Cmdline, str], None]


class Kernel(Protocol):
    """How a kernel makes its memory out of the maps that it is given.

    Attributes:
        PARAMETERS: What it does upon parameters of its command line that not every kernel has. Each
            is called with the line read so far and the value, ``""`` for none; it raises UsageError
            where the kernel would refuse the value.
    """

    PARAMETERS: Mapping[str, Parameter]

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
