"""Walks the trackers of one source: each only once, with a limit on all walks together."""

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

#: The most pages that all walks over one image may read: a number, plus a number for each of the
#: image's pages. The trackers that kernels write share no page.
_PAGES, _PAGES_PER_PAGE = 1 << 18, 4


class Trackers:
    """The walks over the trackers of one source; each is made once and remembered."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._walks: dict[tuple[int, int, str], TrackerWalk] = {}
        self._seen = 0

    def walk(self, start: int, page_size: int, version: Version) -> TrackerWalk:
        """Walk the tracker at physical address ``start``; ``page_size`` in bytes.

        Raises InputError where no kernel can have written the tracker, or where trackers share so
        many pages that no kernel can have written all of them.
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
        """Confirm the pages of ``found`` as part of the handover, see :meth:`Source.keep`."""
        for phys, size in found.looks:
            self._source.keep(phys, size)

    def hold(self, found: TrackerWalk) -> None:
        """Keep only the presence of the tracker's first page: it has been reused since."""
        for phys, size in found.looks[:1]:
            self._source.hold(phys, size)

    def _pages(self) -> int:
        return sum(size for _, size in self._source.extents()) // MIN_PAGE
