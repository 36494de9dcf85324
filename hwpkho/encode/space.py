"""Free page frames for a handover: RAM without scratch, without the poisoned frames themselves.

All ranges here are PFNs, ``(first, end)`` with the end exclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet

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


def stretches(first: int, end: int, poison: PfnSet) -> Iterator[tuple[int, int]]:
    """Yield the stretches of ``first`` to ``end`` that are not poisoned, ascending."""
    at = first
    for low, high in poison.runs(first, end - 1):
        if low > at:
            yield at, low
        at = high + 1
    if at < end:
        yield at, end


def _fit(stretch: tuple[int, int], pages: int, align: int) -> int | None:
    first = -(-stretch[0] // align) * align
    return first if first + pages <= stretch[1] else None


def _rest(stretch: tuple[int, int], first: int, pages: int) -> list[tuple[int, int]]:
    parts = ((stretch[0], first), (first + pages, stretch[1]))
    return [(a, b) for a, b in parts if a < b]


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of ranges, ascending and disjoint; empty ones are left out."""
    out: list[tuple[int, int]] = []
    for first, end in sorted(r for r in ranges if r[0] < r[1]):
        if out and first <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], end)
        else:
            out.append((first, end))
    return out


def without(
    ranges: Iterable[tuple[int, int]], holes: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return what ``ranges`` hold outside ``holes``, ascending and disjoint."""
    out = []
    cut = merged(holes)
    for first, end in merged(ranges):
        for low, high in cut:
            if high <= first or low >= end:
                continue
            if low > first:
                out.append((first, low))
            first = high
        if first < end:
            out.append((first, end))
    return out
