"""The blocks of memory that a tracker marks as preserved, whatever its form.

A block is ``1 << order`` pages, naturally aligned. Blocks are kept in the tracker's own bitmaps,
not listed one by one: a tracker may mark millions. Unaligned blocks, which no kernel marks, are
listed apart.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.base.ranges import Range


@dataclass(slots=True)
class Preserved:
    """The preserved blocks of one handover.

    Attributes:
        page_shift: log2 of the page size.
        bits: Bits per leaf bitmap. Bit *b* of leaf *n* of an order is block ``n * bits + b`` of
            that order, counted from address 0.
        leaves: ``{(order, n): bitmap}``, filled by :meth:`add`.
        shifted: Order → physical addresses (bytes, ascending) of blocks that are not aligned to
            their order.
    """

    page_shift: int
    bits: int
    leaves: dict[tuple[int, int], bytes] = field(default_factory=dict)
    shifted: dict[int, list[int]] = field(default_factory=dict)
    _of_leaves: set[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Collect the orders of the leaves."""
        self._of_leaves = {order for order, _ in self.leaves}

    def add(self, order: int, number: int, bitmap: bytes | memoryview) -> None:
        """Add a leaf; it replaces any other of its order and number."""
        self.leaves[order, number] = bytes(bitmap)  # outlives the image, and can be pickled
        self._of_leaves.add(order)

    @property
    def count(self) -> int:
        """Number of preserved blocks of any order."""
        aligned = sum(int.from_bytes(b, "little").bit_count() for b in self.leaves.values())
        return aligned + sum(map(len, self.shifted.values()))

    @property
    def pages(self) -> int:
        """Number of pages in all blocks; a page in several blocks counts for each."""
        aligned = sum(
            int.from_bytes(leaf, "little").bit_count() << order
            for (order, _), leaf in self.leaves.items()
        )
        return aligned + sum(len(starts) << order for order, starts in self.shifted.items())

    @property
    def orders(self) -> list[int]:
        """The orders of which there are blocks, ascending."""
        return sorted(self._of_leaves | self.shifted.keys())

    def mark(self, phys: int, order: int) -> None:
        """Mark the block of ``order`` that starts at ``phys`` (bytes)."""
        number, bit = divmod(phys >> (self.page_shift + order), self.bits)
        leaf = bytearray(self.leaves.get((order, number)) or bytes(self.bits // 8))
        leaf[bit >> 3] |= 1 << (bit & 7)
        self.add(order, number, bytes(leaf))

    def has(self, phys: int, order: int) -> bool:
        """Tell whether a block of ``order`` starts at physical address ``phys`` (bytes)."""
        block, rest = divmod(phys, 1 << (self.page_shift + order))
        if rest:
            starts = self.shifted.get(order, ())
            i = bisect_left(starts, phys)
            return i < len(starts) and starts[i] == phys
        leaf = self.leaves.get((order, block // self.bits))
        if leaf is None:
            return False
        bit = block % self.bits
        return bool(leaf[bit >> 3] >> (bit & 7) & 1)

    def order_at_frame(self) -> Callable[[int], int | None]:
        """Return a function like :meth:`block_at` that takes a PFN; fast, for millions of calls.

        It does not see blocks that are added later.
        """
        bits, by_order = self.bits, dict[int, dict[int, bytes]]()
        for (order, number), leaf in self.leaves.items():
            by_order.setdefault(order, {})[number] = leaf
        ascending = sorted(by_order.items())

        def aligned(pfn: int) -> int | None:
            for order, leaves in ascending:
                block = pfn >> order
                if block << order != pfn:
                    return None
                leaf = leaves.get(block // bits)
                if leaf is not None:
                    bit = block % bits
                    if leaf[bit >> 3] >> (bit & 7) & 1:
                        return order
            return None

        if not self.shifted:
            return aligned
        odd = {
            phys >> self.page_shift: order
            for order, starts in sorted(self.shifted.items(), reverse=True)
            for phys in starts
        }

        def smallest(pfn: int) -> int | None:
            found = [order for order in (aligned(pfn), odd.get(pfn)) if order is not None]
            return min(found, default=None)

        return smallest

    def block_at(self, phys: int) -> int | None:
        """Return the order of the smallest block that starts at ``phys`` (bytes), or None."""
        return next((o for o in self.orders if self.has(phys, o)), None)

    def block_around(self, phys: int) -> tuple[int, int] | None:
        """Return ``(start, order)`` of the smallest block that contains ``phys``, both bytes.

        None where no block does.
        """
        for order in self.orders:
            start = phys >> (self.page_shift + order) << (self.page_shift + order)
            if self.has(start, order):
                return start, order
            starts = self.shifted.get(order, ())
            before = bisect_right(starts, phys) - 1
            if before >= 0 and phys < starts[before] + (1 << (self.page_shift + order)):
                return starts[before], order
        return None

    def without_blocks(self, starts: Iterable[int], size: int) -> Iterator[int]:
        """Yield each of ``starts`` (bytes) for which no block overlaps the ``size`` bytes there."""
        orders = self.orders
        for start in starts:
            if not any(self._any_of(order, start, start + size) for order in orders):
                yield start

    def _any_of(self, order: int, start: int, end: int) -> bool:
        """Tell whether a block of ``order`` overlaps the bytes ``start`` to ``end`` (exclusive)."""
        shift = self.page_shift + order
        shifted = self.shifted.get(order, ())
        before = bisect_left(shifted, end) - 1
        if before >= 0 and shifted[before] + (1 << shift) > start:
            return True
        first, last = start >> shift, (end - 1) >> shift
        for number in range(first // self.bits, last // self.bits + 1):
            leaf = self.leaves.get((order, number))
            if leaf is None:
                continue
            low, high = (
                max(first - number * self.bits, 0),
                min(last - number * self.bits, self.bits - 1),
            )
            if int.from_bytes(leaf, "little") >> low & (1 << (high - low + 1)) - 1:
                return True
        return False

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """Yield ``(start, end, order)`` of each leaf that marks anything, and of shifted blocks.

        ``start`` is the physical address of its lowest marked block, ``end`` the end (exclusive) of
        its highest; there may be gaps between them.
        """
        for (order, number), leaf in sorted(self.leaves.items()):
            mask = int.from_bytes(leaf, "little")
            if mask:
                shift = self.page_shift + order
                base = number * self.bits
                low = (mask & -mask).bit_length() - 1
                yield (base + low) << shift, (base + mask.bit_length()) << shift, order
        for order, starts in self.shifted.items():
            for start in starts:
                yield start, start + (1 << (self.page_shift + order)), order

    def starts(self, order: int, within: Sequence[Range] | None = None, /) -> Iterator[int]:
        """Yield the physical addresses (bytes) of the blocks of ``order``, ascending.

        With ``within``, ascending and disjoint ranges of bytes, most blocks outside are left out.
        """
        return merge(self._aligned(order, within), self.shifted.get(order, ()))

    def _aligned(self, order: int, within: Sequence[Range] | None) -> Iterator[int]:
        shift = self.page_shift + order
        for (of, number), leaf in sorted(self.leaves.items()):
            if of != order:
                continue
            start = number * self.bits << shift
            for at in _bytes_within(len(leaf), start, 8 << shift, within):
                byte = leaf[at]
                for bit in range(8) if byte else ():
                    if byte >> bit & 1:
                        yield number * self.bits + at * 8 + bit << shift

    def outside(
        self, phys: int, order: int, held: Iterable[tuple[int, int]]
    ) -> tuple[int, int] | None:
        """Return the addresses of the first and last block of a leaf that begin outside ``held``.

        None where all begin inside. ``phys`` (bytes) is any address in the leaf of ``order``;
        ``held`` are ranges of PFNs, ends inclusive. For a shifted block ``phys`` is its start, and
        only that block is looked at.
        """
        if phys % (1 << (self.page_shift + order)):
            pfn = phys >> self.page_shift
            return None if any(low <= pfn <= high for low, high in held) else (phys, phys)
        number = (phys >> (self.page_shift + order)) // self.bits
        mask = int.from_bytes(self.leaves[order, number], "little")
        base = number * self.bits
        for first, last in held:
            low = max(-(-first >> order), base) - base
            high = min((last >> order) + 1, base + self.bits) - base
            if low < high:
                mask &= ~((1 << high) - (1 << low))
        if not mask:
            return None
        shift = self.page_shift + order
        return (base + (mask & -mask).bit_length() - 1) << shift, (
            base + mask.bit_length() - 1
        ) << shift


def _bytes_within(
    count: int, start: int, size: int, within: Sequence[Range] | None
) -> Iterator[int]:
    """Yield the indices of the bytes of a bitmap whose memory overlaps ``within``.

    The bitmap has ``count`` bytes. Each stands for ``size`` bytes of memory, the first for those
    from ``start`` on.
    """
    if within is None:
        yield from range(count)
        return
    done, end = 0, start + count * size
    i = bisect_right(within, start, key=itemgetter(1))
    while i < len(within) and within[i][0] < end:
        low, high = within[i]
        first, past = max((low - start) // size, done), min(-(-(high - start) // size), count)
        yield from range(first, past)
        done = max(done, past)
        i += 1
