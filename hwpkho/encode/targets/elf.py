"""An ELF core that holds the pages, and a ``handover.json`` as a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.encode.layout import joined
from hwpkho.encode.targets.base import FileTarget, ToWrite, boot_json
from hwpkho.images import elf

if TYPE_CHECKING:
    from typing import BinaryIO


class ElfTarget(FileTarget):
    """See the module."""

    name = "elf"
    title = "ELF core"
    bootable = True

    def write(self, what: ToWrite, out: BinaryIO) -> None:
        """Write the core."""
        layout = what.handover
        elf.write_core(
            out,
            list(joined(layout.pieces)),
            page_size=layout.page_size,
            arch=layout.arch,
            note=boot_json(layout).build(),
        )


TARGET = ElfTarget()
