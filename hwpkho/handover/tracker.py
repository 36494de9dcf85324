"""The trackers of one source: each is walked once, and all walks together are bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.tracker import TRACKERS
from hwpkho.base.options import option
from hwpkho.errors import InputError
from hwpkho.images.base import MIN_PAGE

if TYPE_CHECKING:
    from hwpkho.abi.kho import Version
    from hwpkho.abi.tracker.walked import TrackerWalk
    from hwpkho.images.base import Source

#: Pages that all walks over one image may look at, and as many more for each page that it has:
#: the real trackers of a machine share no page.
_PAGES, _PAGES_PER_PAGE = 1 << 18, 4


class Trackers:
    """Walks over the trackers of one source, each made once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._walks: dict[tuple[int, int, str], TrackerWalk] = {}
        self._seen = 0

    def walk(self, start: int, page_size: int, version: Version) -> TrackerWalk:
        """Walk the tracker at physical address ``start``; ``page_size`` in bytes.

        Raises InputError where root FDTs share pages of their trackers so often that no kernel
        can have made them.
        """
        key = start, page_size, version.tracker
        if key not in self._walks:
            found = TRACKERS[version.tracker].walk(self._source, start, page_size)
            self._seen += len(found.nodes) + len(found.absent)
            if self._seen > _PAGES and self._seen > _PAGES + _PAGES_PER_PAGE * self._pages():
                raise InputError(
                    f"{self._source.name}: the trackers of {len(self._walks) + 1} root FDTs share "
                    f"their pages; choose the real one with {option('root_fdt')}"
                )
            self._walks[key] = found
        return self._walks[key]

    def keep(self, found: TrackerWalk) -> None:
        """Mark the pages of ``found`` as read: until then they were only looked at."""
        for phys, size in found.looks:
            self._source.keep(phys, size)

    def hold(self, found: TrackerWalk) -> None:
        """Mark them as not read: by now they belong to something else."""
        for phys, size in found.looks[:1]:
            self._source.hold(phys, size)

    def _pages(self) -> int:
        return sum(size for _, size in self._source.extents()) // MIN_PAGE
