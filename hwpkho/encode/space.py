"""Free page frames for a handover: RAM without scratch, without the poisoned frames themselves.

All ranges here are PFNs, ``(first, end)`` with the end exclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.ranges import difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.base.ranges import Range

#: Leftover stretches that are remembered. Only a list that poisons every other frame makes more,
#: and what is forgotten merely stays unused.
_MAX_LEFTOVERS = 4096


class NoRoomError(Exception):
    """The free frames are used up; ``wanted`` contiguous frames could not be had."""

    def __init__(self, wanted: int) -> None:
        super().__init__(f"no {wanted} contiguous free page frames")
        self.wanted = wanted


class Space:
    """Hands out free frames, the lowest that fit first."""

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
                self._keep(_rest(stretch, first, pages))
                return first
            self._keep([stretch])
        raise NoRoomError(pages)

    def singles(self, count: int) -> Iterator[int]:
        """Take ``count`` frames, ascending among themselves. Raises NoRoomError."""
        while count:
            if not self._left:
                stretch = next(self._coming, None)
                if stretch is None:
                    raise NoRoomError(1)
                self._left.append(stretch)
            first, end = self._left.pop(0)
            middle = min(end, first + count)
            if middle < end:
                self._left.insert(0, (middle, end))
            yield from range(first, middle)
            count -= middle - first

    def _keep(self, stretches: list[tuple[int, int]]) -> None:
        self._left += stretches[: max(0, _MAX_LEFTOVERS - len(self._left))]


def stretches(first: int, end: int, poison: PfnSet) -> Iterator[Range]:
    """Yield the stretches of ``first`` to ``end`` that are not poisoned, ascending."""
    poisoned = ((low, high + 1) for low, high in poison.runs(first, end - 1))
    return difference([(first, end)], poisoned)


def _fit(stretch: tuple[int, int], pages: int, align: int) -> int | None:
    first = -(-stretch[0] // align) * align
    return first if first + pages <= stretch[1] else None


def _rest(stretch: tuple[int, int], first: int, pages: int) -> list[tuple[int, int]]:
    parts = ((stretch[0], first), (first + pages, stretch[1]))
    return [(a, b) for a, b in parts if a < b]
