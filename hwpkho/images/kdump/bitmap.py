"""A bitmap of page frames inside a file, with rank and select.

Only a count is kept, for each KiB of bitmap with a bit set; the bits stay in the file, and its
holes cost nothing. Source: makedumpfile IMPLEMENTATION; frame n is bit n & 7 of byte n >> 3.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.images.files import FileBytes

_PIECE = 1024
_ONES = re.compile("1+")
#: Up to so many bits or runs in a piece are extracted one by one.
_FEW = 64


class Bitmap:
    """The bits ``first`` to ``end`` (exclusive) of a bitmap at ``offset`` of a file.

    Attributes:
        total: How many of them are set.
    """

    def __init__(self, file: FileBytes, offset: int, first: int, end: int) -> None:
        """Count the bits. ``offset`` in bytes; the file must hold the bitmap up to bit ``end``."""
        self._file = file
        self._offset = offset
        self._first = first
        self._end = end
        # Columns, one row a piece: first byte and end (relative to offset), bits set before it.
        self._at, self._stop, self._before = array("Q"), array("Q"), array("Q")
        self._picked = -1
        self._bits: list[int] = []
        self.total = 0
        low, high = first >> 3, (end + 7) >> 3
        for start, stop in file.data_ranges():
            if start >= offset + high:
                break
            for at in range(max(start - offset, low), min(stop - offset, high), _PIECE):
                self._add(at, min(at + _PIECE, stop - offset, high))

    def _add(self, at: int, stop: int) -> None:
        count = self._mask(self._value(at, stop), at).bit_count()
        if count:
            self._at.append(at)
            self._stop.append(stop)
            self._before.append(self.total)
            self.total += count

    def _value(self, at: int, stop: int) -> int:
        return int.from_bytes(self._file.read(self._offset + at, stop - at), "little")

    def _mask(self, value: int, at: int) -> int:
        """Clear the bits outside first..end in the value of a piece that begins at byte ``at``."""
        if (value.bit_length() + at * 8) > self._end:
            value &= (1 << (self._end - at * 8)) - 1
        if at * 8 < self._first:
            value = (value >> (self._first - at * 8)) << (self._first - at * 8)
        return value

    def rank(self, bit: int) -> int | None:
        """Return how many bits are set before ``bit``, None if ``bit`` itself is not set."""
        if not self._first <= bit < self._end:
            return None
        byte = bit >> 3
        i = bisect_right(self._at, byte) - 1
        if i < 0 or byte >= self._stop[i]:
            return None
        at = self._at[i]
        value = self._mask(self._value(at, byte + 1), at)
        inside = bit - at * 8
        if not value >> inside & 1:
            return None
        return self._before[i] + (value & ((1 << inside) - 1)).bit_count()

    def before(self, bit: int) -> int:
        """Return how many bits are set before ``bit``."""
        i = bisect_right(self._at, bit >> 3) - 1
        if i < 0:
            return 0
        at, stop = self._at[i], self._stop[i]
        value = self._mask(self._value(at, stop), at)
        inside = min(bit, stop * 8) - at * 8
        return self._before[i] + (value & ((1 << inside) - 1)).bit_count()

    def select(self, rank: int) -> int:
        """Return the set bit with ``rank`` set bits before it; ``rank`` must be below ``total``.

        Cheapest when called with ascending ranks.
        """
        i = bisect_right(self._before, rank) - 1
        if i != self._picked:
            value = self._mask(self._value(self._at[i], self._stop[i]), self._at[i])
            self._bits = _positions(value)
            self._picked = i
        return self._at[i] * 8 + self._bits[rank - self._before[i]]

    def runs(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield ``(first, end)``, end exclusive, of runs of set bits, ascending.

        Only bits with ranks from ``low`` to ``high`` (exclusive) count.
        """
        first = end = -1
        for i in range(max(bisect_right(self._before, low) - 1, 0), len(self._at)):
            at, rank = self._at[i], self._before[i]
            if rank >= high:
                break
            for a, b in _spans(self._mask(self._value(at, self._stop[i]), at)):
                start, stop = a + max(low - rank, 0), min(b, a + high - rank)
                rank += b - a
                if start >= stop:
                    continue
                if at * 8 + start != end:
                    if end > first:
                        yield first, end
                    first = at * 8 + start
                end = at * 8 + stop
        if end > first:
            yield first, end


def _spans(value: int) -> list[tuple[int, int]]:
    """Return ``(first, end)``, end exclusive, of the runs of ones in a number."""
    if (value & ~(value << 1)).bit_count() > _FEW:
        return [match.span() for match in _ONES.finditer(f"{value:b}"[::-1])]
    found, at = [], 0
    while value:
        skip = (value & -value).bit_length() - 1
        value >>= skip
        length = (~value & (value + 1)).bit_length() - 1
        value >>= length
        found.append((at + skip, at + skip + length))
        at += skip + length
    return found


def _positions(value: int) -> list[int]:
    if value.bit_count() > _FEW:
        return [i for i, digit in enumerate(f"{value:b}"[::-1]) if digit == "1"]
    found = []
    while value:
        low = value & -value
        found.append(low.bit_length() - 1)
        value ^= low
    return found
