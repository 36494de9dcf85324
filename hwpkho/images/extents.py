"""Physical memory as pieces of files: the common part of all formats without compression."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise
from operator import add, itemgetter
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.base.ranges import intersection, joined
from hwpkho.errors import InputError
from hwpkho.images.base import MIN_PAGE, Source
from hwpkho.images.words import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.images.files import FileBytes

    #: ``scan(file, ranges, phase)`` yields offset and size of each hit in ranges of a file.
    _Scan = Callable[[FileBytes, Iterable[tuple[int, int]], int], Iterator[tuple[int, int]]]


#: How many offsets one search may convert to addresses. Only thousands of segments over the same
#: file bytes come near it.
MAX_LOOKUPS = 1 << 16
#: How many pieces all reads together may join. Only segments of a few bytes come near it.
MAX_JOINED = 1 << 17


class MappedSource(Source):
    """Pieces ``(phys, size, file, offset)`` of files, kept as disjoint ascending columns.

    Where pieces overlap, as the kernel's own segment in a /proc/vmcore does, the one that starts
    lower is used (of equal starts the one given first). The bytes that it hides must be the same;
    that is checked when they are read.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[FileBytes],
        phys: Sequence[int],
        size: Sequence[int],
        offset: Sequence[int],
        file: Sequence[int] | None = None,
    ) -> None:
        """Take columns of equal length, in bytes; ``file`` holds indices of ``files`` (default: 0).

        The caller must have limited sizes to what the files hold. Pieces that reach past 2^64 are
        cut off there.
        """
        self.name = name
        self._files = files
        self._joined = self._compared = 0
        order: Sequence[int] = range(len(phys))
        if any(a > b for a, b in pairwise(phys)):
            order = sorted(order, key=phys.__getitem__)
        self._phys = array("Q")
        self._size = array("Q")
        self._offset = array("Q")
        self._file = array("I")
        # Columns: first and last byte, offset, file, and the highest last byte up to that row.
        self._hidden = tuple(array("Q") for _ in range(5))
        end, last_file, last_offset = 0, -1, 0
        for i in order:
            start, stop, at = phys[i], min(phys[i] + size[i], PHYS_END), offset[i]
            if start < end:
                self._hide(start, min(stop, end), at, file[i] if file else 0)
                at += end - start
                start = end
            if start >= stop:
                continue
            held = file[i] if file else 0
            # A dumper may write one segment per page: join those that are adjacent in the file.
            goes_on = start == end and start % MIN_PAGE == 0 and held == last_file
            if goes_on and at == last_offset + self._size[-1]:
                self._size[-1] += stop - start
                end = stop
                continue
            last_file, last_offset = held, at
            self._phys.append(start)
            self._size.append(stop - start)
            self._offset.append(at)
            self._file.append(held)
            end = stop

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def _hide(self, phys: int, end: int, offset: int, file: int) -> None:
        """Note a piece that others hide, unless it is the same bytes of the same file.

        Not for a running kernel: its own segment shows zeros where it has freed memory.
        """
        if self._files[file].live:
            return
        skip = phys - self._phys[-1]
        if skip >= 0 and (file, offset) == (self._file[-1], self._offset[-1] + skip):
            return
        highest = self._hidden[-1]
        row = phys, end - 1, offset, file, max(end - 1, highest[-1] if highest else 0)
        for column, value in zip(self._hidden, row, strict=True):
            column.append(value)

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`; InputError where a hidden piece has other bytes."""
        data = self.peek(phys, size)
        if data is not None and self._hidden[0]:
            self._compare(phys, data)
        return data

    def _compare(self, phys: int, data: memoryview) -> None:
        starts, lasts, offsets, files, highest = self._hidden
        last = i = bisect_left(starts, phys + len(data)) - 1
        while i >= 0 and highest[i] >= phys:
            start, stop = max(phys, starts[i]), min(phys + len(data), lasts[i] + 1)
            if start < stop:
                at = offsets[i] + start - starts[i]
                other = self._files[files[i]].read(at, stop - start)
                if other != data[start - phys :][: len(other)]:
                    raise InputError(
                        f"{self.name}: two segments hold different bytes at 0x{start:x}: not one "
                        "machine at one moment"
                    )
            if i != last:
                self._compared += 1 + len(data) // MIN_PAGE
            if self._compared > MAX_LOOKUPS:
                raise InputError(
                    f"{self.name}: too many segments hold 0x{phys:x}; this is not a memory image"
                )
            i -= 1

    def peek(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.peek`."""
        i = bisect_right(self._phys, phys) - 1
        if i < 0 or size < 0:
            return None
        skip = phys - self._phys[i]
        if skip >= self._size[i] and size:
            return None
        if skip + size <= self._size[i]:
            data = self._files[self._file[i]].read(self._offset[i] + skip, size)
            return data if len(data) == size else None
        return self._join(i, phys, size)

    def place(self, phys: int) -> tuple[str, int] | None:
        """See :meth:`Source.place`."""
        i = bisect_right(self._phys, phys) - 1
        skip = phys - self._phys[i] if i >= 0 else 0
        if i < 0 or skip >= self._size[i]:
            return None
        return self._files[self._file[i]].shown, self._offset[i] + skip

    def _join(self, i: int, phys: int, size: int) -> memoryview | None:
        end, last = phys + size, i
        reached = self._phys[i] + self._size[i]
        while reached < end and last + 1 < len(self._phys) and self._phys[last + 1] == reached:
            last += 1
            reached += self._size[last]
        self._joined += last - i
        if self._joined > MAX_JOINED:
            raise InputError(
                f"{self.name}: the {size} bytes at 0x{phys:x} lie in {last - i + 1} segments or "
                "more; no memory is in such small pieces"
            )
        if reached < end:
            return None
        parts = bytearray()
        for k in range(i, last + 1):
            start = max(phys, self._phys[k])
            stop = min(end, self._phys[k] + self._size[k])
            data = self._files[self._file[k]].read(
                self._offset[k] + start - self._phys[k], stop - start
            )
            if len(data) != stop - start:
                return None
            parts += data
        return memoryview(bytes(parts))

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        ends = map(add, self._phys, self._size)
        for start, end in joined(zip(self._phys, ends, strict=True)):
            yield start, end - start

    def holds(self, phys: int, size: int) -> bool:
        """See :meth:`Source.holds`."""
        i = bisect_left(self._phys, phys + size) - 1
        return i >= 0 and self._phys[i] + self._size[i] > phys

    def data(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.data`."""
        ranges = [list(file.data_ranges()) for file in self._files]
        for phys, size, offset, number in self._once():
            held = ranges[number]
            # The first data range that ends behind the piece's start, and the last that begins
            # before its end.
            first = bisect_right(held, offset, key=itemgetter(1))
            last = bisect_left(held, offset + size, key=itemgetter(0)) - 1
            if first <= last:
                start, end = max(held[first][0], offset), min(held[last][1], offset + size)
                yield phys + start - offset, end - start

    def _once(self) -> list[tuple[int, int, int, int]]:
        """Return ``(phys, size, offset, file)``, ascending, with each byte of a file only once."""
        pieces = zip(self._phys, self._size, self._offset, self._file, strict=True)
        found, before, end = [], -1, 0
        for phys, size, offset, number in sorted(pieces, key=itemgetter(3, 2)):
            end = 0 if number != before else end
            before, skip = number, max(end - offset, 0)
            if skip < size:
                found.append((phys + skip, size - skip, offset + skip, number))
                end = offset + size
        return sorted(found)

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`.

        Thousands of pieces may show the same bytes, so this scans the files, once for each phase
        (file offset of a page start modulo 4096), and converts the offsets of hits to addresses.
        """
        endless = next((f for f in self._files if f.endless), None)
        if endless is not None:
            raise InputError(
                f"{printable(endless.path)}: hwpkho cannot search a device without an end; give "
                f"{option('root_fdt', 'PHYS')}"
            )

        def scan(
            file: FileBytes, ranges: Iterable[tuple[int, int]], phase: int
        ) -> Iterator[tuple[int, int]]:
            return file.scan(ranges, phase, MIN_PAGE, magics)

        return self._search(scan, MIN_PAGE, min(map(len, magics)))

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`."""
        if any(f.endless for f in self._files):
            return iter(())

        def scan(
            file: FileBytes, ranges: Iterable[tuple[int, int]], phase: int
        ) -> Iterator[tuple[int, int]]:
            return file.scan_words(ranges, phase, word)

        return self._search(scan, WORD, WORD)

    def _search(self, scan: _Scan, step: int, shortest: int) -> Iterator[int]:
        """Yield the physical addresses, multiples of ``step``, of what ``scan`` finds in files."""
        groups: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for phys, size, offset, file in zip(
            self._phys, self._size, self._offset, self._file, strict=True
        ):
            if size >= shortest:
                phase = (offset - phys) % step
                groups.setdefault((file, phase), []).append((offset, offset + size, phys))
        ranges = {f: list(self._files[f].data_ranges()) for f in {f for f, _ in groups}}
        found = [
            self._in_group(self._files[f], phase, sorted(pieces), ranges[f], scan)
            for (f, phase), pieces in groups.items()
        ]
        last = -1
        for phys in heapq.merge(*found):
            if phys != last:
                yield phys
            last = phys

    @staticmethod
    def _in_group(
        file: FileBytes,
        phase: int,
        pieces: list[tuple[int, int, int]],
        data: list[tuple[int, int]],
        scan: _Scan,
    ) -> list[int]:
        found: list[int] = []
        longest = max(end - start for start, end, _ in pieces)
        starts = [p[0] for p in pieces]
        budget = MAX_LOOKUPS
        covered = joined((start, end) for start, end, _ in pieces)
        for hit, size in scan(file, intersection(covered, data), phase):
            i = bisect_right(starts, hit) - 1
            while i >= 0 and starts[i] + longest > hit:
                if hit + size <= pieces[i][1]:
                    found.append(hit - pieces[i][0] + pieces[i][2])
                i -= 1
                budget -= 1
            if budget < 0:
                raise InputError(
                    f"{printable(file.path)}: too many segments show the same bytes at file "
                    f"offset 0x{hit:x}; this is not a memory image"
                )
        return sorted(found)
