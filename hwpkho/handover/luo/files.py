"""The handlers of files whose memory LUO preserves, and of FLBs: a module each, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.abi.luo import File
    from hwpkho.handover.luo.memory import LuoMemory
    from hwpkho.handover.luo.model import LuoFile, LuoFlb, Placed


class FileHandler(Protocol):
    """Reads what a handler keeps of a file."""

    def read(self, file: File, name: str, memory: LuoMemory, /) -> LuoFile:
        """Return the file; what is wrong with it is reported. ``name`` is for messages.

        Its own pages are read by :meth:`LuoMemory.read`, which takes what their bytes mean as well.
        """


class FlbHandler(Protocol):
    """Reads what several files share."""

    def read(self, found: LuoFlb, block: Placed, memory: LuoMemory, /) -> LuoFlb:
        """Return the FLB with what it keeps; ``block`` is the preserved one at its data.

        Its own pages are taken by :meth:`LuoMemory.take`.
        """


#: By the name in the file's entry.
HANDLERS: Registry[FileHandler] = Registry(
    "handler of files that LUO preserves", {"memfd-v2": "hwpkho.handover.luo.memfd"}
)
#: By the name in the FLB.
SHARED: Registry[FlbHandler] = Registry("FLB of LUO", {"pci-v1": "hwpkho.handover.luo.pci"})
