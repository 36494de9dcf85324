"""The subtree hwpoison, the list of bad pages: reading and checking its blob.

:class:`hwpkho.handover.reader.HandoverReader` reads the list itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi import hwpoison as blobs
from hwpkho.abi.kho import HWPOISON
from hwpkho.base.arch import page_sizes
from hwpkho.base.counting import counted
from hwpkho.codes.blob import BLOB_SIZE, COUNT_BEYOND, EMPTY, PAD
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from hwpkho.abi.spans import Span
    from hwpkho.codes import Problem
    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source


class HwpoisonReader(SubtreeReader):
    """See the module."""

    name = HWPOISON
    kind = HWPOISON

    def read(
        self, _raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return nothing: its fields are in :class:`hwpkho.handover.model.HwpoisonList`."""
        return {}

    def spans(self, raw: bytes) -> list[Span]:
        """Return the parts of the blob, by its revision."""
        return blobs.REVISIONS[blobs.revision_of(raw)].spans(raw)


READER = HwpoisonReader()


def blob(source: Source, phys: int, registered: int | None, page_size: int | None) -> bytes | None:
    """Return as much of the blob as the consumer reads; None where the image lacks some of it.

    ``phys`` is its physical address; ``registered`` and ``page_size`` are in bytes, None where
    unknown.
    """
    limit = blobs.HEAD if registered is None else min(registered, blobs.HEAD)
    head = source.read(phys, blobs.HEAD)
    if head is None:
        head = source.read(phys, limit)
    if head is None:
        return None
    page = page_size or page_sizes()[-1]
    revision = blobs.REVISIONS[blobs.revision_of(bytes(head))]
    length = revision.length(bytes(head), registered, page)
    if length <= len(head):
        return bytes(head[:length])
    whole = source.read(phys, length)
    if whole is None:  # a wrong length: take the rest of the page
        whole = source.read(phys, page - phys % page)
    return None if whole is None else bytes(whole)


def check(
    blob: blobs.HwpoisonBlob,
    phys: int | None,
    registered: int | None,
    page_size: int | None,
    report: Report,
    *,
    consumed: bool,
) -> Problem | None:
    """Report what is odd about a blob; return the problem of a count beyond the array, else None.

    ``phys`` is its physical address; ``registered`` and ``page_size`` are in bytes, None where
    unknown. For a ``consumed`` list a count beyond the array is ignored.
    """
    if blob.pad:
        report.add(PAD, f"_pad is 0x{blob.pad:x}, expected 0", phys)
    usual = blobs.REVISIONS[blob.revision].registered_size(page_size or 0)
    if registered is not None and usual and registered != usual:
        report.add(
            BLOB_SIZE,
            f"registered size {registered}, a producer registers {usual} for {blob.revision}",
            phys,
        )
    capacity = blob.vmalloc.capacity(page_size) if page_size else None
    if capacity is not None and blob.count > capacity:
        if consumed:
            return None
        return report.add(
            COUNT_BEYOND,
            f"count {blob.count} is beyond the array's {capacity} entries "
            f"({counted(blob.vmalloc.total_pages, 'page')})",
            phys,
        )
    if not blob.count:
        report.add(EMPTY, "the list is empty but published", phys)
    return None
