"""The preserved-memory tracker: one module for each form that kernels have used.

The KHO version determines the form, see :mod:`hwpkho.abi.kho`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.spans import Span
    from hwpkho.abi.tracker.walked import Memory, TrackerWalk


class Tracker(Protocol):
    """One form of the tracker.

    A block is ``(phys, order)``: ``1 << order`` pages from physical address ``phys`` (bytes).
    """

    def walk(self, memory: Memory, start: int, page_size: int, /) -> TrackerWalk:
        """Read the tracker at physical address ``start``; ``page_size`` in bytes.

        The result says what is damaged or absent. Work is bounded by the number of distinct pages
        of the memory. Raises InputError where no kernel can have written the tracker.
        """

    def build(
        self, blocks: Iterable[tuple[int, int]], page_size: int, allocate: Callable[[], int], /
    ) -> tuple[int, dict[int, bytes]]:
        """Build a tracker that marks ``blocks``: return its address, and address → page.

        ``allocate`` returns the physical address of a fresh page of ``page_size`` bytes.
        """

    def spans(
        self, walk: TrackerWalk, node: int, page: memoryview, /
    ) -> tuple[str, Iterator[Span]]:
        """Return a name for ``page`` and its parts; its address ``node`` is in ``walk.places``."""


#: By name.
TRACKERS: Registry[Tracker] = Registry(
    "tracker of preserved memory",
    {
        "bitmap": "hwpkho.abi.tracker.bitmap",
        "radix-7.0": "hwpkho.abi.tracker.radix:TRACKER_7_0",
        "radix": "hwpkho.abi.tracker.radix:TRACKER",
    },
)
