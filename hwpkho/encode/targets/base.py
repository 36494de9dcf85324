"""What a target of encode is: it writes a file, or fills a folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from hwpkho.abi.boot_json import BootJson
from hwpkho.badpages.registry import AS_IT_IS, Writing
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.encode.layout import Layout


class ToWrite(NamedTuple):
    """What a target writes.

    Attributes:
        pages: The list.
        layout: The handover made of it, None for a target that needs none.
        how: Options of a target that writes the list itself.
    """

    pages: BadPages
    layout: Layout | None
    how: Writing = AS_IT_IS

    @property
    def handover(self) -> Layout:
        """The handover; UsageError where none was made."""
        if self.layout is None:
            raise UsageError("nothing was placed")
        return self.layout


class Target(ABC):
    """A form of output; each is a subclass of :class:`FileTarget` or :class:`FolderTarget`.

    Attributes:
        name: What ``--to`` calls it.
        title: What it is, in a few words.
        placed: Whether addresses are needed, and so free memory and scratch.
        bootable: Whether a boot loader can use it, so that a device tree makes sense beside it.
        binary: Whether it must not go to a terminal.
    """

    name: str
    title: str
    placed: ClassVar[bool] = True
    bootable: ClassVar[bool] = False
    binary: bool = False


class FileTarget(Target):
    """A form that is one file, which may be standard output."""

    binary = True

    @abstractmethod
    def write(self, what: ToWrite, out: BinaryIO) -> Loss | None:
        """Write ``what`` to ``out``, which need not be seekable.

        Return what the form of a list could not express exactly, None if nothing.
        """


class FolderTarget(Target):
    """A form that is a folder of files.

    Attributes:
        dtb: Name of the device tree in the folder.
    """

    dtb: ClassVar[str]

    @abstractmethod
    def owns(self, name: str) -> bool:
        """Tell whether a file of this name may be one that :meth:`fill` wrote."""

    @abstractmethod
    def fill(self, what: ToWrite, folder: Path, dtb: bytes | None) -> None:
        """Write ``what`` into a new folder, with the device tree where there is one."""


def boot_json(layout: Layout) -> BootJson:
    """Return what a boot loader passes on, and what no page of the handover records."""
    return BootJson(layout.kho_fdt, layout.kho_scratch, layout.page_size, layout.arch)
