"""Converts a bitmap to ranges of units and back, without a Python object for each bit.

The ranges are arrays of starts and of ends (exclusive), ``array('Q')``. A bitmap is processed in
blocks; a block that is empty, full or has few edges costs next to nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain, compress, islice, repeat
from operator import lt, sub
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Bytes of a block: a number of so many bits fits into a processor's cache.
_BLOCK = 1 << 15
#: Up to one edge in so many units, find() is faster than compress().
_SPARSE = 64
#: Shared by all blocks of a bitmap, which may have hundreds of MiB.
_EMPTY, _FULL = bytes(_BLOCK), b"\xff" * _BLOCK
_MARKS = bytes.maketrans(b"01", b"\0\1")


def _blocks_of(bitmap: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Yield each block of a bitmap as a number, with its length in bits."""
    for start in range(0, len(bitmap), _BLOCK):
        block = bitmap[start : start + _BLOCK]
        yield int.from_bytes(block, "little"), len(block) * 8


def count(bitmap: bytes | memoryview) -> int:
    """Return how many bits are set."""
    return sum(bits.bit_count() for bits, _ in _blocks_of(bitmap))


def run_count(bitmap: bytes | memoryview) -> int:
    """Return how many runs of set bits there are."""
    runs = before = 0
    for bits, size in _blocks_of(bitmap):
        runs += (bits & ~(bits << 1 | before)).bit_count()
        before = bits >> (size - 1)
    return runs


def edges(bitmap: bytes | memoryview) -> Iterator[array[int]]:
    """Yield, block by block, the units where runs begin and end (exclusive), in turn, ascending.

    A run that reaches the last bit ends at the length of the bitmap in bits.
    """
    before = 0  # the last bit of the block before
    start = 0
    for bits, size in _blocks_of(bitmap):
        changes = bits ^ ((bits << 1 | before) & ((1 << size) - 1))
        before = bits >> (size - 1)
        if changes:
            yield _positions(changes, start, size)
        start += size
    if before:
        yield array("Q", [len(bitmap) * 8])


def _positions(bits: int, base: int, size: int) -> array[int]:
    """Return ``base`` plus the position of each set bit of ``bits``, a number of ``size`` bits."""
    text = format(bits, f"0{size}b").encode()[::-1]
    if bits.bit_count() * _SPARSE > size:
        return array("Q", compress(range(base, base + size), text.translate(_MARKS)))
    found = array("Q")
    at = text.find(b"1")
    while at >= 0:
        found.append(base + at)
        at = text.find(b"1", at + 1)
    return found


def ranges(bitmap: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Yield the runs of set bits, ``(first, end)`` in units, end exclusive, ascending."""
    each = chain.from_iterable(edges(bitmap))
    return zip(each, each, strict=True)


def columns(bitmap: bytes | memoryview) -> tuple[array[int], array[int]]:
    """Return the first units and the ends (exclusive) of all runs of set bits, ascending."""
    every = array("Q")
    for part in edges(bitmap):
        every.extend(part)
    return every[::2], every[1::2]


def build(runs: Iterable[tuple[int, int]], size: int, head: bytes = b"") -> bytes:
    """Return ``head`` followed by a bitmap of ``size`` bytes with the units of ``runs`` set.

    ``runs`` are ``(first, end)``, end exclusive, ascending, none touching the next, all inside the
    bitmap; ValueError where they are not.
    """
    every = array("Q", chain.from_iterable(runs))
    if not all(map(lt, every, islice(every, 1, None))):
        raise ValueError("the runs are not ascending, or touch one another")
    if every and every[-1] > size * 8:
        raise ValueError(f"unit {every[-1] - 1} is outside a bitmap of {counted(size, 'byte')}")
    return b"".join(chain([head], _blocks(every, size)))


def _blocks(every: array[int], size: int) -> Iterator[bytes]:
    at, inside = 0, False
    for start in range(0, size, _BLOCK):
        length = min(_BLOCK, size - start)
        first, end = start * 8, (start + length) * 8
        upto = bisect_left(every, end, at)
        if upto == at:
            yield (_FULL if inside else _EMPTY)[:length]
            continue
        marks = bytearray(b"0") * (length * 8)
        for place in map(sub, every[at:upto].tolist(), repeat(first)):
            marks[place] = 49  # "1"
        bits = int(marks[::-1], 2)
        step = 1
        while step < length * 8:  # prefix XOR: a bit is set after an odd number of edges
            bits ^= bits << step
            step *= 2
        if inside:
            bits = ~bits
        yield (bits & ((1 << length * 8) - 1)).to_bytes(length, "little")
        inside ^= bool((upto - at) % 2)
        at = upto
