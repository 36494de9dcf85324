"""A folder of ``0xADDR.bin`` segments with a ``handover.json``, for a boot loader to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.boot_json import HANDOVER_JSON
from hwpkho.encode.layout import joined
from hwpkho.encode.targets.base import FolderTarget, ToWrite, boot_json
from hwpkho.images import raw

if TYPE_CHECKING:
    from pathlib import Path


class SegmentsTarget(FolderTarget):
    """See the module."""

    name = "segments"
    title = "folder of segments"
    bootable = True
    dtb = "handover.dtb"

    def owns(self, name: str) -> bool:
        """Tell whether a file of this name may be one that :meth:`fill` wrote."""
        return raw.is_segment_name(name) or name in (HANDOVER_JSON, self.dtb)

    def fill(self, what: ToWrite, folder: Path, dtb: bytes | None) -> None:
        """Write the segments and what belongs to them."""
        layout = what.handover
        raw.write_segments(folder, joined(layout.pieces))
        (folder / HANDOVER_JSON).write_bytes(boot_json(layout).build() + b"\n")
        if dtb is not None:
            (folder / self.dtb).write_bytes(dtb)


TARGET = SegmentsTarget()
