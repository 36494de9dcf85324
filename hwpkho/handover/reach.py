"""What a subtree reader needs to follow its blob's pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hwpkho.abi.tracker.walked import TrackerWalk
    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source


class Reach(NamedTuple):
    """The memory and tracker of the handover whose subtree is read.

    Attributes:
        source: The memory.
        page_size: Bytes; None where only copies were given.
        report: Where problems go.
        walk: The walk over the tracker, even if ``spent``; None where memory was not given, or the
            root FDT names no tracker of a known version.
        incoming: Whether the handover is known to be the incoming one.
        spent: Whether the kernel that took this handover is running and has reused its tracker.
    """

    source: Source
    page_size: int | None
    report: Report
    walk: TrackerWalk | None = None
    incoming: bool = False
    spent: bool = False

    @property
    def tracked(self) -> bool:
        """Whether the image has all of the tracker, so that unmarked pages are not preserved."""
        return self.walk is not None and bool(self.walk.nodes) and not self.walk.absent
