"""The registries of LUO's file handlers and FLBs: one module and one line here for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.abi.luo import File
    from hwpkho.handover.luo.memory import LuoMemory
    from hwpkho.handover.luo.model import LuoFile, LuoFlb, Placed


class FileHandler(Protocol):
    """Reads what one of LUO's handlers preserves of a file."""

    def read(self, file: File, name: str, memory: LuoMemory, /) -> LuoFile:
        """Return the file, reporting what is wrong with it; ``name`` is for messages.

        Use :meth:`LuoMemory.read` for the handler's own pages, which takes their ``spans`` as well.
        """


class FlbHandler(Protocol):
    """Reads an FLB, which is what several files share."""

    def read(self, found: LuoFlb, block: Placed, memory: LuoMemory, /) -> LuoFlb:
        """Return ``found`` with what it preserves; ``block`` is the preserved block at its data.

        Use :meth:`LuoMemory.take` for the FLB's own pages.
        """


#: By the compatible string in the file's entry.
HANDLERS: Registry[FileHandler] = Registry(
    "handler of files that LUO preserves", {"memfd-v2": "hwpkho.handover.luo.memfd"}
)
#: By the name in the FLB's entry.
SHARED: Registry[FlbHandler] = Registry("FLB of LUO", {"pci-v1": "hwpkho.handover.luo.pci"})
