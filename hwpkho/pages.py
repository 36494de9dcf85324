"""Page and frame arithmetic, and lists of PFNs as runs.

PFN: page frame number, physical address >> page shift. All run ends are inclusive.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, compress, islice, repeat
from operator import add, gt, lt, sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: The page sizes (bytes) of the kernels that have KHO: arm64 has all three, x86-64 the first.
PAGE_SIZES = (4096, 16384, 65536)

#: One past the largest physical address.
PHYS_END = 1 << 64

#: A list is dense where it has one PFN in so many pages. Marking each in a byte for every page is
#: a counting sort: half the time of sorting, and no more memory, which takes 40 bytes for a PFN.
_DENSE = 32
#: PFNs, and marks, handled together: what comes of them should stay in the processor's cache.
_PART, _BLOCK = 1 << 13, 1 << 15


#: Bits of a physical address that arm64 looks at.
ARM64_BITS = 52


def linear(phys: int, arch: str | None) -> int:
    """Return the physical address that a kernel reads when it is told ``phys``.

    arm64's __phys_to_virt() ORs the page offset in, so that the highest bits do not matter. All
    three kernels of the rig were seen to read through such addresses; one built for 48 bits of
    virtual address forgets four bits more.
    """
    return phys & ((1 << ARM64_BITS) - 1) if arch == "arm64" else phys


def page_shift(page_size: int) -> int:
    """Return log2 of a page size in bytes."""
    return page_size.bit_length() - 1


def align_down(value: int, size: int) -> int:
    """Return the largest multiple of ``size`` (a power of two) not above ``value``."""
    return value & ~(size - 1)


def align_up(value: int, size: int) -> int:
    """Return the smallest multiple of ``size`` (a power of two) not below ``value``."""
    return (value + size - 1) & ~(size - 1)


def runs(sorted_pfns: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield ``(first, last)``, last inclusive, of an ascending sequence; repeats are folded."""
    it = iter(sorted_pfns)
    first = last = next(it, -1)
    if first < 0:
        return
    for pfn in it:
        if pfn <= last + 1:
            last = max(last, pfn)
        else:
            yield first, last
            first = last = pfn
    yield first, last


@dataclass(frozen=True, slots=True)
class PfnRuns:
    """A set of PFNs as columns: a scattered one has as many runs as pages.

    Attributes:
        first: First PFN of each run, ascending; there is a gap before each.
        last: Last PFN, inclusive.
    """

    first: array[int]
    last: array[int]

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.first, self.last, strict=True)

    def pages(self) -> int:
        """Return how many PFNs there are."""
        return sum(self.last) - sum(self.first) + len(self.first)

    def following(self, pfn: int) -> int | None:
        """Return the first PFN from ``pfn`` on, None where there is none."""
        i = bisect_left(self.last, pfn)
        return max(pfn, self.first[i]) if i < len(self.first) else None

    def within(self, low: int, high: int) -> PfnRuns:
        """Return what lies between the PFNs ``low`` and ``high``, both inclusive."""
        i = bisect_left(self.last, low)
        j = bisect_right(self.first, high, i) if low <= high else i
        first, last = self.first[i:j], self.last[i:j]
        if first:
            first[0] = max(first[0], low)
            last[-1] = min(last[-1], high)
        return PfnRuns(first, last)


def runs_of(pfns: array[int]) -> PfnRuns:
    """Return the runs of the distinct values of ``pfns``, which stand in any order."""
    if not pfns:
        return PfnRuns(array("Q"), array("Q"))
    marked = _marks(pfns)
    return _marked_runs(*marked) if marked else sorted_runs(sorted(pfns))


def sorted_runs(pfns: Sequence[int]) -> PfnRuns:
    """Return the runs of an ascending sequence, as :func:`runs` does; repeats are folded.

    In a few passes in C, for long lists.
    """
    if not pfns:
        return PfnRuns(array("Q"), array("Q"))
    rest = pfns[1:]
    gaps = bytes(map(gt, map(sub, rest, pfns), repeat(1)))
    first, last = array("Q", pfns[:1]), array("Q")
    if gaps.count(1) > len(gaps) >> 4:
        first.extend(compress(rest, gaps))
        last.extend(compress(pfns, gaps))
    else:
        at = gaps.find(1)
        while at >= 0:
            first.append(rest[at])
            last.append(pfns[at])
            at = gaps.find(1, at + 1)
    last.append(pfns[-1])
    return PfnRuns(first, last)


def _marks(pfns: array[int]) -> tuple[bytearray, int] | None:
    """Return a 1 for each of ``pfns``, 0 for others, and the PFN of the first; None if sparse."""
    high = max(pfns)
    low = 0 if high < len(pfns) * _DENSE else min(pfns)
    if high - low >= len(pfns) * _DENSE:
        return None
    marks = bytearray(high - low + 1)
    for at in range(0, len(pfns), _PART):
        part = pfns[at : at + _PART].tolist()  # a list is gone through faster than an array
        for pfn in part if not low else map(sub, part, repeat(low)):
            marks[pfn] = 1
    return marks, low


def _marked_runs(marks: bytearray, low: int) -> PfnRuns:
    first, last = array("Q"), array("Q")
    for at in range(0, len(marks), _BLOCK):
        block = bytes(marks[at : at + _BLOCK])
        starts, ends = _runs_of_block(block, low + at)
        if last and starts and last[-1] + 1 == starts[0]:
            del last[-1], starts[0]
        first.extend(starts)
        last.extend(ends)
    return PfnRuns(first, last)


def _runs_of_block(block: bytes, base: int) -> tuple[list[int], list[int]]:
    """Return first and last PFNs of the runs of 1 in ``block``; its first byte is PFN ``base``."""
    gaps = list(map(len, block.split(b"\1")))
    if gaps.count(0) > len(gaps) >> 1:  # long runs
        return _long_runs(block, base)
    found = _places(gaps, base)
    gaps[0] = gaps[-1] = 1  # the block ends here; the caller joins what goes on
    return list(compress(found, gaps)), list(compress(found, islice(gaps, 1, None)))


def _long_runs(block: bytes, base: int) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    end = 0
    while (start := block.find(1, end)) >= 0:
        end = block.find(0, start)
        if end < 0:
            end = len(block)
        starts.append(base + start)
        ends.append(base + end - 1)
    return starts, ends


def sorted_unique(pfns: Iterable[int]) -> array[int]:
    """Return the distinct values of ``pfns`` in ascending order as ``array('Q')``.

    An array that is so already is returned itself.
    """
    given = pfns if isinstance(pfns, array) else array("Q", pfns)
    if all(map(lt, given, islice(given, 1, None))):
        return given
    marked = _marks(given)
    if marked is None:
        ordered = sorted(given)
        return array("Q", (ordered[0], *compress(ordered[1:], map(sub, ordered[1:], ordered))))
    marks, low = marked
    found = array("Q")
    for at in range(0, len(marks), _BLOCK):
        gaps = list(map(len, bytes(marks[at : at + _BLOCK]).split(b"\1")))
        found.extend(_places(gaps, low + at))
    return found


def _places(gaps: list[int], base: int) -> list[int]:
    """Return the PFNs of marks by the gaps before them; the marks begin at PFN ``base``."""
    # Before a mark stand the gaps up to it and the marks before it.
    return list(map(add, accumulate(gaps), range(base, base + len(gaps) - 1)))


def union_of(areas: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the starts and the ends (exclusive) of the union of ``(start, size)``, ascending."""
    starts: list[int] = []
    ends: list[int] = []
    for start, size in sorted(areas):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], start + size)
        else:
            starts.append(start)
            ends.append(start + size)
    return starts, ends


def human_bytes(size: int) -> str:
    """Return a size in bytes as the kernel would say it, e.g. ``16 MiB`` or ``353 B``."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >> shift:
            value = size / (1 << shift)
            return f"{value:.0f} {unit}" if value == int(value) else f"{value:.1f} {unit}"
    return f"{size} B"
