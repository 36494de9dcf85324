"""hwpoison: the list of bad pages. Its blob is a part of every handover, and read with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi.kho import HWPOISON
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source


class HwpoisonReader(SubtreeReader):
    """See the module."""

    name = HWPOISON
    kind = HWPOISON

    def read(
        self, _raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return nothing: what it says is :class:`hwpkho.handover.model.HwpoisonList`."""
        return {}


READER = HwpoisonReader()
