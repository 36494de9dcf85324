"""The handlers of files whose memory LUO preserves: a module each, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.abi.luo import File
    from hwpkho.handover.luo.ground import Ground
    from hwpkho.handover.luo.model import LuoFile


class FileHandler(Protocol):
    """Reads what a handler keeps of a file."""

    def read(self, file: File, name: str, ground: Ground, /) -> LuoFile:
        """Return the file; what is wrong with it is reported. ``name`` is for messages.

        Its own pages are read by :meth:`Ground.read`, which takes what their bytes mean as well.
        """


#: By the name in the file's entry.
HANDLERS: Registry[FileHandler] = Registry(
    "handler of files that LUO preserves", {"memfd-v2": "hwpkho.handover.luo.memfd"}
)
