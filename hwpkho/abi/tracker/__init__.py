"""The preserved-memory tracker: a module for each form that kernels have used.

Which form a kernel has follows from its KHO version, see :mod:`hwpkho.abi.kho`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.spans import Span
    from hwpkho.abi.tracker.walked import Memory, TrackerWalk


class Tracker(Protocol):
    """One form of the tracker. A block is ``(phys, order)``: ``1 << order`` pages from ``phys``."""

    def walk(self, memory: Memory, start: int, page_size: int, /) -> TrackerWalk:
        """Read the tracker at physical address ``start``; ``page_size`` in bytes.

        What is damaged or absent is part of the answer. Work is bounded by the distinct pages of
        the memory; raises InputError where no kernel can have made it.
        """

    def build(
        self, blocks: Iterable[tuple[int, int]], page_size: int, allocate: Callable[[], int], /
    ) -> tuple[int, dict[int, bytes]]:
        """Return its address and its pages, address → bytes, that mark ``blocks``.

        ``allocate`` returns the physical address of a fresh page of ``page_size`` bytes.
        """

    def spans(
        self, walk: TrackerWalk, node: int, page: memoryview, /
    ) -> tuple[str, Iterator[Span]]:
        """Return what ``page`` at ``node``, one of ``walk.places``, is called, and its parts."""


#: By name.
TRACKERS: Registry[Tracker] = Registry(
    "tracker of preserved memory",
    {
        "bitmap": "hwpkho.abi.tracker.bitmap",
        "radix-7.0": "hwpkho.abi.tracker.radix:TRACKER_7_0",
        "radix": "hwpkho.abi.tracker.radix:TRACKER",
    },
)
