"""makedumpfile's flattened format: a dump written to a pipe, as blocks with their file offsets.

QEMU writes every kdump this way, ``makedumpfile -F`` any dump. Source: makedumpfile.h (struct
makedumpfile_header and makedumpfile_data_header) and IMPLEMENTATION; QEMU dump/dump.c. All numbers
are big endian, whatever the machine.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.ranges import joined
from hwpkho.codes import problem
from hwpkho.codes.image import TRUNCATED
from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.codes import Problem

MAGIC = b"makedumpfile\0\0\0\0"

_FIRST_BLOCK = 4096
_HEADER = struct.Struct(">16sqq")
_BLOCK = struct.Struct(">qq")
_END = -1
_TYPE, _VERSION = 1, 1
_MAX_OFFSET = (1 << 63) - 1
#: Writers make blocks of kilobytes, and few small ones. A file of more than _MANY blocks is refused
#: where they average less than _CRUMB bytes.
_MANY, _CRUMB = 1 << 15, 64


def sniff(file: FileBytes) -> bool:
    """Tell whether the file begins with the magic of a flattened dump."""
    return bytes(file.read(0, len(MAGIC))) == MAGIC


def unflatten(file: FileBytes) -> Flattened:
    """Return a view of the dump inside a flattened file, as ``makedumpfile -R`` would write it.

    Nothing is copied. A file without its end mark is read as far as it goes, with a problem. Raises
    InputError for an unknown type or version, and for blocks with impossible offsets or sizes.
    """
    name = printable(file.path)
    head = bytes(file.read(0, _HEADER.size))
    if len(head) < _HEADER.size:
        raise InputError(
            f"{name}: header of a flattened dump at offset 0: {counted(len(head), 'byte')}, "
            f"expected {_HEADER.size}"
        )
    _, kind, version = _HEADER.unpack(head)
    if (kind, version) != (_TYPE, _VERSION):
        raise InputError(
            f"{name}: flattened dump of type {kind}, version {version} at offset 16, "
            f"expected type {_TYPE}, version {_VERSION}"
        )
    return Flattened(file, name)


class Flattened(FileBytes):
    """The dump inside a flattened file; offsets and ``size`` are those of the rearranged dump.

    Where two blocks overlap, the later one counts. What no block covers was never written: it is
    not in ``data_ranges``, and :meth:`read` raises InputError for it.

    Attributes:
        problems: TRUNCATED where the file ends before its end mark.
    """

    def __init__(self, file: FileBytes, name: str) -> None:
        """Read the block headers of ``file``; see :func:`unflatten`."""
        self.path = file.path
        self.problems: list[Problem] = []
        self._file = file
        starts, sizes, origins = self._blocks(name)
        ends = array("Q", map(int.__add__, starts, sizes))
        if any(end > start for end, start in zip(ends, starts[1:], strict=False)):
            starts, ends, origins = _resolve(starts, ends, origins)
        self._start, self._end, self._origin = starts, ends, origins
        self.size = ends[-1] if ends else 0

    def _blocks(self, name: str) -> tuple[array[int], array[int], array[int]]:
        file, at = self._file, _FIRST_BLOCK
        starts, sizes, origins = array("Q"), array("Q"), array("Q")
        empty = 0
        while True:
            head = file.read(at, _BLOCK.size)
            if len(head) < _BLOCK.size:
                self._cut(name, at)
                break
            offset, size = _BLOCK.unpack(head)
            if offset == _END:
                break
            if offset < 0 or size < 0 or offset + size > _MAX_OFFSET:
                raise InputError(
                    f"{name}: block header at file offset 0x{at:x} names offset {offset} and size "
                    f"{size}; expected a place below 2^63"
                )
            at += _BLOCK.size
            if size > file.size - at:
                self._cut(name, file.size)
                size = file.size - at
            if size:
                starts.append(offset)
                sizes.append(size)
                origins.append(at)
            at += size
            empty += not size
            if empty > _MANY:  # a hole of the file reads as an empty block every 16 bytes
                raise InputError(
                    f"{name}: {empty} blocks of no bytes; this is not a flattened dump"
                )
        if len(sizes) > _MANY and sum(sizes) < len(sizes) * _CRUMB:
            raise InputError(
                f"{name}: {len(sizes)} blocks of {counted(sum(sizes) // len(sizes), 'byte')} each; "
                "this is not a flattened dump"
            )
        return starts, sizes, origins

    def _cut(self, name: str, at: int) -> None:
        if not self.problems:
            self.problems.append(
                problem(
                    TRUNCATED,
                    f"{name}: the flattened dump ends at file offset 0x{at:x} without its end mark",
                )
            )

    def close(self) -> None:
        """Close the flattened file."""
        self._file.close()

    def read(self, offset: int, size: int) -> memoryview:
        """Return up to ``size`` bytes from ``offset`` on; fewer only at the end of the dump.

        Raises InputError where some of these bytes were never written.
        """
        end = min(offset + size, self.size)
        if offset < 0 or offset >= end:
            return memoryview(b"")
        i = bisect_right(self._start, offset) - 1
        if i >= 0 and end <= self._end[i]:
            return self._file.read(self._origin[i] + offset - self._start[i], end - offset)
        parts, at = bytearray(), offset
        while at < end:
            if i < 0 or not self._start[i] <= at < self._end[i]:
                raise InputError(
                    f"{printable(self.path)}: no block of this flattened dump holds offset "
                    f"0x{at:x} of the rearranged dump"
                )
            stop = min(end, self._end[i])
            parts += self._file.read(self._origin[i] + at - self._start[i], stop - at)
            at = stop
            i += 1
            if i == len(self._start):
                break
        return memoryview(bytes(parts))

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """Return an iterator of ``(start, end)``, end exclusive, of what was written, ascending."""
        return joined(zip(self._start, self._end, strict=True))


def _resolve(
    starts: Sequence[int], ends: Sequence[int], origins: Sequence[int]
) -> tuple[array[int], array[int], array[int]]:
    """Turn blocks in the order of writing into ascending disjoint columns; later blocks win.

    In columns, and not by :func:`hwpkho.base.ranges.paint`: a dump has millions of blocks.
    """
    order = sorted(range(len(starts)), key=starts.__getitem__)
    out = array("Q"), array("Q"), array("Q")
    if all(ends[a] <= starts[b] for a, b in pairwise(order)):
        for column, values in zip(out, (starts, ends, origins), strict=True):
            column.extend(map(values.__getitem__, order))
        return out
    # A sweep over the offsets: the heap's top is the last written block at the current offset.
    begin, stop, origin = out
    heap: list[int] = []
    at = i = 0
    while i < len(order) or heap:
        if not heap:
            at = max(at, starts[order[i]])
        while i < len(order) and starts[order[i]] <= at:
            heappush(heap, -order[i])
            i += 1
        while heap and ends[-heap[0]] <= at:
            heappop(heap)
        if not heap:
            continue
        top = -heap[0]
        upto = min(ends[top], starts[order[i]]) if i < len(order) else ends[top]
        begin.append(at)
        stop.append(upto)
        origin.append(origins[top] + at - starts[top])
        at = upto
    return out
