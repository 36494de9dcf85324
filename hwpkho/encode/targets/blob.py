"""The bytes of the hwpoison blob alone, as its subtree registers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.encode.targets.base import FileTarget, ToWrite

if TYPE_CHECKING:
    from typing import BinaryIO


class BlobTarget(FileTarget):
    """See the module."""

    name = "blob"
    title = "hwpoison blob"

    def write(self, what: ToWrite, out: BinaryIO) -> None:
        """Write the blob."""
        out.write(what.handover.raw_blob)


TARGET = BlobTarget()
