"""Finds the owner of every block that the tracker marks, or that none is known.

An owner restores its memory block by block, as it preserved it, so a claimed block is crossed off
by address and order. An owner of a range of memory has all blocks inside it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import islice
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import PfnSet, in_at_least, pfn_set
from hwpkho.base.ranges import paint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.abi.tracker.preserved import Preserved

KnownBy = Literal["name", "memory"]

#: Contiguous blocks: first PFN, order, number of blocks.
Block = tuple[int, int, int]
#: The most runs of blocks without an owner that are listed; further ones are only counted.
MAX_UNKNOWN = 1 << 14


class Claim(NamedTuple):
    """What one owner claims.

    Attributes:
        kind: ``root-fdt``, ``hwpoison``, ``luo``, the handler of a file such as ``memfd-v2``,
            ``reserve-mem``, or the name of a subtree.
        name: For people, printable.
        blocks: The preserved blocks that it restores, or a function that returns them.
        session: Name of a file's session.
        token: A file's token.
        areas: Ranges of PFNs, inclusive; all blocks inside are its.
        known_by: What identifies the same owner in another handover: its name, or, where it has
            none yet, its memory; None for a part of the handover itself.
        weak: Whether only an address suggests the claim: it gets nothing that others claim.
    """

    kind: str
    name: str
    blocks: Sequence[Block] | Callable[[], Iterable[Block]] = ()
    session: str | None = None
    token: int | None = None
    areas: Sequence[tuple[int, int]] = ()
    known_by: KnownBy | None = None
    weak: bool = False

    def each(self) -> Iterable[Block]:
        """Return the claim's blocks, computed where :attr:`blocks` is a function."""
        return self.blocks() if callable(self.blocks) else self.blocks


class Owner(Protocol):
    """What a subtree leads to: an owner of preserved memory."""

    def blocks(self, page_shift: int, /) -> Iterable[Block]:
        """Yield the blocks that hold its own structures, the blob excepted.

        ``page_shift`` is log2 of the page size in bytes.
        """

    def claims(self, page_shift: int, /) -> Iterable[Claim]:
        """Yield the claims to the memory that it preserves; ``page_shift`` as above."""


class Owned(NamedTuple):
    """What one owner has, as page frames.

    Attributes:
        kind: See :class:`Claim`; ``unknown`` for what has no known owner.
        name: For people, printable.
        pages: The PFNs.
        session: Name of a file's session.
        token: A file's token.
        more: How many more pages there are beyond ``pages``; 0 for known owners.
        known_by: See :class:`Claim`.
    """

    kind: str
    name: str
    pages: PfnSet
    session: str | None = None
    token: int | None = None
    more: int = 0
    known_by: KnownBy | None = None

    def key(self) -> tuple[object, ...]:
        """Return what identifies the owner, also in another handover of the same machine."""
        if self.known_by == "memory":
            return self.kind, self.pages
        return self.kind, self.name, self.session, self.token


class Account(NamedTuple):
    """All owners of one handover.

    Attributes:
        owned: An entry for each owner, and last one for what has no known owner.
        twice: PFNs that two owners claim.
        unknown: The entry for what has no known owner, None where everything has one.
    """

    owned: tuple[Owned, ...]
    twice: PfnSet
    unknown: Owned | None = None

    def names(self) -> Callable[[int], str | None]:
        """Return a function from PFN to its owner's name, None for none; the first of several."""
        ranges = [(*ends, n) for n, x in enumerate(self.owned) for ends in x.pages]
        layers = [(first, last + 1, -n) for first, last, n in ranges]
        seen = list(paint(layers))

        def name(pfn: int) -> str | None:
            i = bisect_right(seen, pfn, key=itemgetter(0)) - 1
            known = i >= 0 and pfn < seen[i][1]
            return self.owned[ranges[seen[i][2]][2]].name if known else None

        return name


class Turnover(NamedTuple):
    """Owners that only the earlier handover has (``gone``), and only the later one (``came``)."""

    gone: tuple[Owned, ...]
    came: tuple[Owned, ...]


def turnover(before: Account, after: Account) -> Turnover:
    """Return the files and areas that are preserved in only one of two handovers.

    A file whose session is not written yet is identified by its memory.
    """
    old, new = ({x.key(): x for x in a.owned if x.known_by} for a in (before, after))
    gone = {key: x for key, x in old.items() if key not in new}
    came = {key: x for key, x in new.items() if key not in old}
    held = {(x.kind, x.pages): key for key, x in came.items()}
    for key, x in [*gone.items()]:
        other = held.get((x.kind, x.pages))
        if other in came and "memory" in (x.known_by, came[other].known_by):
            del gone[key], came[other]
    return Turnover(tuple(gone.values()), tuple(came.values()))


def account(claims: Iterable[Claim], preserved: Preserved) -> Account:
    """Match claims with the blocks that the tracker marks."""
    left = _Left(preserved)
    owned, twice = [], PfnSet()
    for claim in sorted(claims, key=attrgetter("weak")):
        first, last = array("Q"), array("Q")
        for pfn, order, count in claim.each():
            if claim.weak and not left.has(pfn, order):
                continue
            first.append(pfn)
            last.append(pfn + (count << order) - 1)
            left.cross_off(pfn, order, count)
        for low, high in claim.areas:
            first.append(low)
            last.append(high)
            left.cross_area(low, high)
        if first:
            pages = pfn_set(Listing(first, last))
            if pages.pages() != sum(last) - sum(first) + len(first):
                twice |= _repeated(first, last)
            whose = claim.kind, claim.name, pages, claim.session, claim.token
            owned.append(Owned(*whose, known_by=claim.known_by))
    twice |= in_at_least(2, [x.pages for x in owned])
    if unknown := left.unknown():
        owned.append(unknown)
    return Account(tuple(owned), twice, unknown)


def _repeated(first: array[int], last: array[int]) -> PfnSet:
    """Return the PFNs that are in more than one of the ranges, which may be in any order."""
    order = sorted(range(len(first)), key=first.__getitem__)
    found_first, found_last, end = array("Q"), array("Q"), -1
    for i in order:
        if first[i] <= end:
            found_first.append(first[i])
            found_last.append(min(end, last[i]))
        end = max(end, last[i])
    return pfn_set(Listing(found_first, found_last))


class _Left:
    """The blocks that the tracker marks and nobody has claimed yet."""

    def __init__(self, preserved: Preserved) -> None:
        self._bits, self._shift = preserved.bits, preserved.page_shift
        self._leaves: dict[tuple[int, int], bytes | bytearray | memoryview] = {**preserved.leaves}
        # Order → first PFNs of blocks that are not aligned to their order.
        self._shifted = {
            order: {phys >> self._shift for phys in starts}
            for order, starts in preserved.shifted.items()
        }

    def has(self, pfn: int, order: int) -> bool:
        """Tell whether the block of ``order`` at ``pfn`` is marked and not claimed yet."""
        if pfn & (1 << order) - 1:
            return pfn in self._shifted.get(order, ())
        number, bit = divmod(pfn >> order, self._bits)
        leaf = self._leaves.get((order, number))
        return leaf is not None and bool(leaf[bit >> 3] >> (bit & 7) & 1)

    def cross_off(self, pfn: int, order: int, count: int) -> None:
        """Cross off ``count`` contiguous blocks of ``order`` from ``pfn`` on."""
        if pfn & (1 << order) - 1:
            if order in self._shifted:
                starts = range(pfn, pfn + (count << order), 1 << order)
                self._shifted[order].difference_update(starts)
            return
        bits, block = self._bits, pfn >> order
        end = block + count
        while block < end:
            number, bit = divmod(block, bits)
            here = min(end - block, bits - bit)
            block += here
            held = self._leaves.get((order, number))
            if held is None:
                continue
            # Change a copy, not the tracker's own bitmap.
            leaf = held if isinstance(held, bytearray) else bytearray(held)
            self._leaves[order, number] = leaf
            if here == 1:  # the fast path: a guest's memory has millions, mostly single blocks
                leaf[bit >> 3] &= ~(1 << (bit & 7))
                continue
            low, high = bit >> 3, (bit + here + 7) >> 3
            mask = int.from_bytes(leaf[low:high], "little") & ~((1 << here) - 1 << (bit & 7))
            leaf[low:high] = mask.to_bytes(high - low, "little")

    def cross_area(self, low: int, high: int) -> None:
        """Cross off all blocks that lie completely between two PFNs, inclusive."""
        bits = self._bits
        for order, number in [*self._leaves]:
            # An area may be of any size, so go over the existing bitmaps, not over the area.
            start = number * bits
            begin = max(-(-low >> order), start)
            end = min(high + 1 >> order, start + bits)
            if begin < end:
                self.cross_off(begin << order, order, end - begin)
        for order, starts in self._shifted.items():
            last = high + 1 - (1 << order)
            starts.difference_update([pfn for pfn in starts if low <= pfn <= last])

    def unknown(self) -> Owned | None:
        """Return the blocks that nobody claimed, None where there are none."""
        first, last, pages = array("Q"), array("Q"), 0
        for (order, number), leaf in sorted(self._leaves.items(), key=itemgetter(0)):
            mask = int.from_bytes(leaf, "little")
            pages += mask.bit_count() << order
            base = number * self._bits
            for start, end in islice(_runs(mask), MAX_UNKNOWN - len(first)):
                first.append(base + start << order)
                last.append((base + end << order) - 1)
        for order, starts in sorted(self._shifted.items()):
            pages += len(starts) << order
            for pfn in islice(sorted(starts), MAX_UNKNOWN - len(first)):
                first.append(pfn)
                last.append(pfn + (1 << order) - 1)
        if not first:
            return None
        listed = sum(last) - sum(first) + len(first)
        return Owned("unknown", "nobody known", pfn_set(Listing(first, last)), more=pages - listed)


def _runs(mask: int) -> Iterator[tuple[int, int]]:
    """Yield ``(first, end)``, end exclusive, of the runs of set bits."""
    edges = mask ^ mask << 1
    while edges:
        start = (edges & -edges).bit_length() - 1
        edges &= edges - 1
        yield start, (edges & -edges).bit_length() - 1
        edges &= edges - 1
