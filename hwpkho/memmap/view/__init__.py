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
    """How a kernel makes its memory out of the maps that it is given."""

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the command line parameters that only this kernel has, and a function for each.

        It is called with the line read so far and the value, ``""`` for none, and raises UsageError
        where the kernel would refuse the value.
        """

    def build(
        self,
        maps: Mapping[str, Map],
        line: Cmdline | None,
        iomem_of: IomemOf,
        problems: list[Problem],
        /,
    ) -> View | None:
        """Return memory as this kernel sees it; None where no map says what RAM there is.

        ``line`` is its command line, None where that is not known; what is odd is added to
        ``problems``.
        """


#: Named by what the kernel builds its memory from: :attr:`hwpkho.base.arch.Arch.memory`.
VIEWS: Registry[Kernel] = Registry(
    "view of memory",
    {"e820": "hwpkho.memmap.view.x86", "memblock": "hwpkho.memmap.view.arm64"},
)
