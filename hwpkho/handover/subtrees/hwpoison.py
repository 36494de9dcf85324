"""hwpoison: the list of bad pages. Its blob is a part of every handover, and read with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi import hwpoison as blobs
from hwpkho.abi.kho import HWPOISON
from hwpkho.base.arch import page_sizes
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
        """Return nothing: what it says is :class:`hwpkho.handover.model.HwpoisonList`."""
        return {}

    def spans(self, raw: bytes) -> list[Span]:
        """Return what its revision says."""
        return blobs.REVISIONS[blobs.revision_of(raw)].spans(raw)


READER = HwpoisonReader()


def blob(source: Source, phys: int, registered: int | None, page_size: int | None) -> bytes | None:
    """Return the blob, as much of it as the consumer of its revision reads; None where absent.

    ``registered`` and ``page_size`` are bytes, None where unknown.
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
    if whole is None:  # a wrong length: take what its page holds
        whole = source.read(phys, page - phys % page)
    return bytes(whole if whole is not None else head)


def check(
    blob: blobs.HwpoisonBlob,
    phys: int | None,
    registered: int | None,
    page_size: int | None,
    report: Report,
    *,
    consumed: bool,
) -> Problem | None:
    """Report what is odd about a blob; return that its count is beyond the array.

    Of a list that was ``consumed`` the count says nothing any more.
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
            f"({blob.vmalloc.total_pages} pages)",
            phys,
        )
    if not blob.count:
        report.add(EMPTY, "the list is empty but published", phys)
    return None
