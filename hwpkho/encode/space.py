"""Free page frames for a handover: RAM without scratch, without the poisoned frames themselves.

All ranges here are PFNs, ``(first, end)`` with the end exclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import align_up
from hwpkho.base.counting import counted
from hwpkho.base.ranges import difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.base.ranges import Range

#: Stretches too short for what was wanted that are kept for smaller wishes. Only a list that
#: poisons every other frame makes more of them, and those are merely not used.
_MAX_SHORT = 4096


class NoRoomError(Exception):
    """No ``wanted`` contiguous frames are left."""

    def __init__(self, wanted: int) -> None:
        super().__init__(f"no {counted(wanted, 'contiguous free page frame')}")
        self.wanted = wanted


class Space:
    """Hands out free frames, the lowest that fit first; never those of ``poison``."""

    def __init__(self, ranges: Sequence[tuple[int, int]], poison: PfnSet) -> None:
        """Take ascending disjoint ranges, and the frames that are never handed out."""
        self._coming = (s for first, end in ranges for s in stretches(first, end, poison))
        self._left: list[tuple[int, int]] = []

    def run(self, pages: int, align: int = 1) -> int:
        """Take ``pages`` contiguous frames; return the first, a multiple of ``align``.

        ``align`` is a power of two. Raises NoRoomError.
        """
        for index, stretch in enumerate(self._left):
            first = _fit(stretch, pages, align)
            if first is not None:
                self._left[index : index + 1] = _rest(stretch, first, pages)
                return first
        for stretch in self._coming:
            first = _fit(stretch, pages, align)
            if first is not None:
                self._left += _rest(stretch, first, pages)
                return first
            if len(self._left) < _MAX_SHORT:
                self._left.append(stretch)
        raise NoRoomError(pages)

    def blocks(self, count: int, pages: int = 1) -> Iterator[int]:
        """Take ``count`` blocks of ``pages`` contiguous frames, each aligned to its size.

        Yield the first frame of each, ascending; the caller must take all of them. ``pages`` is a
        power of two. Each stretch is looked at once. Raises NoRoomError.
        """
        passed: list[tuple[int, int]] = []
        while count:
            stretch = self._left.pop(0) if self._left else next(self._coming, None)
            if stretch is None:
                raise NoRoomError(pages)
            first = align_up(stretch[0], pages)
            fitting = min(count, max(0, stretch[1] - first) // pages)
            yield from range(first, first + fitting * pages, pages)
            if fitting:
                passed += _rest(stretch, first, fitting * pages)
            elif len(passed) < _MAX_SHORT:
                passed.append(stretch)
            count -= fitting
        self._left = passed + self._left


def stretches(first: int, end: int, poison: PfnSet) -> Iterator[Range]:
    """Yield the stretches of frames ``first`` to ``end`` (exclusive) without poison, ascending."""
    poisoned = ((low, high + 1) for low, high in poison.runs(first, end - 1))
    return difference([(first, end)], poisoned)


def _fit(stretch: tuple[int, int], pages: int, align: int) -> int | None:
    first = align_up(stretch[0], align)
    return first if first + pages <= stretch[1] else None


def _rest(stretch: tuple[int, int], first: int, pages: int) -> list[tuple[int, int]]:
    parts = ((stretch[0], first), (first + pages, stretch[1]))
    return [(a, b) for a, b in parts if a < b]
