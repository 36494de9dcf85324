"""Follows the chunks of a preserved vmalloc area, and reads the array that it holds.

Source: kho_restore_vmalloc() in kernel/liveupdate/kexec_handover.c (Linux 7.3.4). Work is bounded
by the distinct pages of the image: each chunk and array page may be named only once, and only
``MAX_AGAIN`` chunks may share a page with another. The number of entries is limited.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.abi.vmalloc import KNOWN_FLAGS, SHIFT_BITS, Chunk, KhoVmalloc, slots
from hwpkho.base import arch as arches
from hwpkho.base.addresses import align_down, page_shift
from hwpkho.base.counting import counted
from hwpkho.codes.blob import (
    ARRAY_ABSENT,
    ARRAY_UNALIGNED,
    CHAIN_CYCLE,
    CHUNK_ABSENT,
    CHUNK_NOWHERE,
    EXTRA_CHUNK,
    FIRST_ZERO,
    FLAGS,
    HOLE,
    ORDER,
    PAGE_TWICE,
    TOTAL_PAGES,
)
from hwpkho.errors import InputError
from hwpkho.handover.model import Chain

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from hwpkho.codes import Problem
    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source

#: The most chunks that may begin in the page of another: no kernel writes such a chain.
MAX_AGAIN = 1 << 8
#: The most entries of a chain. They are kept in memory even if their pages are absent, and an image
#: may name half a million for each 4 MiB. With 4 KiB pages so many hold a list of 4 TiB of bad
#: memory.
MAX_ENTRIES = 1 << 21
#: The most words of an array: 1 GiB, the folios of a guest of 256 GiB in 4 KiB pages. An entry of a
#: high order may cover any number, all of them in a hole of the image.
MAX_WORDS = 1 << 27
#: Bytes of an array read at once.
_PIECE = 1 << 20


class VmallocWalk:
    """What the chain of chunks of an area holds.

    Attributes:
        chunks: Physical addresses of the chunk pages, in chain order, rounded down to pages.
        pages: Physical address of each entry, not rounded, ``array('Q')``.
        pfns: The PFNs of the entries, ascending.
        chain: How the chain ends, and whether it adds up.
        order: log2 of the pages of an entry, see :attr:`KhoVmalloc.effective_order`.
        problem: The reported problem that keeps the next kernel from restoring the area, or None.
    """

    def __init__(self, chain: Chain, order: int) -> None:
        self.chunks: list[int] = []
        self.pages = array("Q")
        self.pfns = array("Q")
        self.chain = chain
        self.order = order
        self.problem: Problem | None = None

    @property
    def sound(self) -> bool:
        """Whether the next kernel can restore the area, judging by the chain and the order."""
        return self.chain.restorable and self.order < SHIFT_BITS


def walk(
    source: Source,
    area: KhoVmalloc,
    page_size: int,
    report: Report,
    others: Container[int] = frozenset(),
) -> VmallocWalk:
    """Follow the chunks of ``area``; ``page_size`` in bytes. Problems go to ``report``.

    ``others`` are the addresses of other areas' chunks, at which the chain ends. Raises InputError
    where there are more entries than any kernel writes.
    """
    order = area.entry_order
    if area.flags & ~KNOWN_FLAGS:
        report.add(FLAGS, f"vmalloc flags 0x{area.flags:x}, known are 0x{KNOWN_FLAGS:x}")
    too_large, largest = None, arches.pages(source.arch, page_size).max_order
    if area.order > largest:
        message = f"vmalloc order {area.order}, the page allocator's largest is {largest}"
        # Restoring does not use the page allocator: a sound area of order 11 was seen to replay.
        replays = area.effective_order < SHIFT_BITS
        noted = report.add(ORDER, message, severity="warning" if replays else None)
        too_large = None if replays else noted
    found = VmallocWalk(Chain("first-zero"), area.effective_order)
    if area.first == 0:
        found.problem = report.add(FIRST_ZERO, f"first is 0, total_pages {area.total_pages}")
        return found
    found.chain, ends = _follow(source, area, page_size, report, found, others)
    pages, whole = len(found.pages) << order, found.chain.end == "whole"
    adds_up, differs = pages == area.total_pages if whole else pages <= area.total_pages, None
    if not adds_up:
        differs = report.add(
            TOTAL_PAGES,
            f"the chunks list {counted(len(found.pages), 'entry')} of "
            f"{counted(1 << order, 'page')}, total_pages is {area.total_pages}",
            area.first,
        )
    twice = _check_entries(found, order, page_size, report)
    found.chain = found.chain._replace(adds_up=adds_up, once=twice is None)
    found.problem = ends or differs or twice or too_large
    return found


def _follow(
    source: Source,
    area: KhoVmalloc,
    page_size: int,
    report: Report,
    found: VmallocWalk,
    others: Container[int],
) -> tuple[Chain, Problem | None]:
    """Read the chain into ``found``; return how it ends, and the reported problem, if any."""
    visited: set[int] = set()
    touched: set[int] = set()
    seen = SeenEntries()
    at, lengths = area.first, []
    bits = arches.phys_bits(source.arch)
    while at:
        written, at = at, arches.linear(at, source.arch)
        if at >> bits:
            message = f"chunk address 0x{at:x} is not a physical address"
            return Chain("nowhere", at), report.add(CHUNK_NOWHERE, message, at)
        if written != at or at % page_size:
            what = "page aligned" if at % page_size else "a physical address"
            message = f"chunk address 0x{written:x} is not {what}: 0x{at:x} is read"
            report.add(CHUNK_NOWHERE, message, at, "warning")
        if at in visited:
            message = f"the chain comes back to chunk 0x{at:x}"
            return Chain("cycle", at), report.add(CHAIN_CYCLE, message, at)
        if at in others:
            message = f"the chain comes to chunk 0x{at:x} of another area"
            return Chain("cycle", at), report.add(CHAIN_CYCLE, message, at)
        visited.add(at)
        chunk = _chunk(source, at, page_size)
        if chunk is None:
            message = f"chunk 0x{at:x} is not in the image"
            return Chain("absent", at), report.add(CHUNK_ABSENT, message, at)
        found.chunks.append(align_down(at, page_size))
        touched.add(found.chunks[-1])
        if len(found.chunks) - len(touched) > MAX_AGAIN:
            return Chain("stopped", at), None  # two chunks in a page are reported elsewhere
        found.pages += chunk.entries
        if len(found.pages) > MAX_ENTRIES:
            raise InputError(
                f"{source.name}: up to the chunk 0x{at:x} there are more than {MAX_ENTRIES} array "
                "entries: no kernel made them"
            )
        lengths.append(len(chunk.entries))
        if seen.again(chunk.entries):
            # The kernel gives up here. Stopping also bounds the work: segments of an image may
            # show the same bytes, so that chunk after chunk repeats the same words.
            return Chain("stopped", at), None
        if len(found.pages) << area.entry_order > area.total_pages:
            # It also gives up once there are more pages than total_pages.
            return Chain("stopped", at), None
        if chunk.hole:
            # The kernel skips what follows the zero, and notices only if the pages do not add up.
            report.add(
                HOLE,
                f"chunk 0x{at:x} goes on after a zero in entry {len(chunk.entries)}",
                at,
            )
        at = chunk.next
    full = slots(page_size)
    if len(lengths) != sum(lengths) // full + 1 or any(n != full for n in lengths[:-1]):
        report.add(
            EXTRA_CHUNK,
            f"{counted(len(lengths), 'chunk')} for {counted(sum(lengths), 'entry')}, a producer "
            f"makes {sum(lengths) // full + 1}",
            area.first,
        )
    return Chain("whole"), None


class SeenEntries:
    """The array entries of a chain, for detecting repeats.

    A kernel allocates an array's pages mostly in order. As long as the address ranges of chunks do
    not overlap, comparing the ranges is enough; the set of all entries is built only then.
    """

    def __init__(self) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        self._chunks: list[array[int]] = []
        self._all: set[int] | None = None

    def again(self, entries: array[int]) -> bool:
        """Add the entries of a chunk; tell whether any of them repeats one, here or in others."""
        if not entries:
            return False
        if self._all is None:
            low, high = min(entries), max(entries)
            i = bisect_right(self._lows, high)
            apart = not i or self._highs[i - 1] < low
            if apart and len(set(entries)) == len(entries):
                self._lows.insert(i, low)
                self._highs.insert(i, high)
                self._chunks.append(entries)
                return False
            self._all = set().union(*self._chunks)
        size = len(self._all)
        self._all.update(entries)
        return len(self._all) < size + len(entries)


def _chunk(source: Source, at: int, page_size: int) -> Chunk | None:
    """Read the chunk at ``at``, None where the image lacks it.

    Where an unaligned chunk crosses a page boundary, the image may lack the second page: the part
    in the first suffices if its entries end there.
    """
    page = source.read(at, page_size)
    if page is not None:
        return Chunk.parse(page)
    rest = align_down(page_size - at % page_size, 8)
    page = source.read(at, rest) if rest < page_size else None
    if page is None or rest < 16:
        return None
    chunk = Chunk.parse(page)
    return chunk if len(chunk.entries) < rest // 8 - 1 else None


def restored_as(phys: int, order: int, page_size: int) -> Iterator[tuple[int, int]]:
    """Yield ``(phys, order)`` of the blocks as which the kernel restores an entry at ``phys``.

    kho_restore_pages() splits by natural alignment: an entry that is aligned to its order is one
    block, any other is several. Addresses and ``page_size`` in bytes.
    """
    shift = page_shift(page_size)
    pfn = phys >> shift
    end = pfn + (1 << order)
    while pfn < end:
        step = (end - pfn).bit_length() - 1
        if pfn:
            step = min(step, (pfn & -pfn).bit_length() - 1)
        yield pfn << shift, step
        pfn += 1 << step


def starts_block(pfn: int, at: int, order: int) -> bool:
    """Tell whether one of the blocks as which an entry at ``pfn`` is restored starts at ``at``.

    Both are PFNs; see :func:`restored_as`.
    """
    size = 1 << order
    if not pfn <= at < pfn + size:
        return False
    # Up to the multiple of the size inside the entry blocks grow, from there on they shrink.
    before = at - pfn if at <= -(-pfn // size) * size else pfn + size - at
    return at == pfn or before < at & -at


def share_a_block(one: int, other: int, order: int) -> bool:
    """Tell whether entries at the PFNs ``one`` <= ``other`` have a restored block in common.

    That means two blocks with the same start. Of many entries it is enough to compare neighbours in
    ascending order: if any two share a block, two neighbours do.
    """
    size = 1 << order
    middle = -(-one // size) * size  # where the blocks of an unaligned ``one`` are largest
    if other >= one + size:
        return False
    if other <= middle:
        return True
    # In pages from the middle: ``one`` ends at ``end``, ``other`` starts at ``start``.
    end, start = one + size - middle, other - middle
    bit = 1 << (end ^ start).bit_length() - 1
    return start & (bit - 1) == 0 or end & (bit - 1) != 0


def _check_entries(
    found: VmallocWalk, order: int, page_size: int, report: Report
) -> Problem | None:
    """Report odd entries; return the problem of the first page that is named twice, or None."""
    pages = found.pages
    named: list[Problem] = []
    unaligned = [p for p in pages if p % page_size]
    if unaligned:
        report.add(
            ARRAY_UNALIGNED,
            f"{counted(len(unaligned), 'array entry is', 'array entries are')} not page aligned, "
            f"the first is 0x{unaligned[0]:x}",
            unaligned[0],
        )
    shift = page_shift(page_size)
    pfns = found.pfns = array("Q", sorted(p >> shift for p in pages))
    twice = next(
        (b for a, b in pairwise(pfns) if b - a < 1 << order and share_a_block(a, b, order)), None
    )
    if twice is not None:
        at = twice << shift
        named.append(report.add(PAGE_TWICE, f"array page 0x{at:x} is listed twice", at))
    # A chunk page is restored too, after its entries, and so must not be the start of a block of an
    # entry. It may be inside one: the kernel restores the block that the tracker has there.
    for chunk in sorted({*found.chunks}):
        # Only the last entry up to it can have a block that starts there.
        i = bisect_right(pfns, chunk >> shift) - 1
        if i >= 0 and starts_block(pfns[i], chunk >> shift, order):
            message = f"chunk 0x{chunk:x} is an array page as well"
            named.append(report.add(PAGE_TWICE, message, chunk))
    again = next((b for a, b in pairwise(sorted(found.chunks)) if a == b), None)
    if again is not None:
        named.append(report.add(PAGE_TWICE, f"two chunks lie in page 0x{again:x}", again))
    return named[0] if named else None


class AbsentError(Exception):
    """The image lacks a page of an array.

    Attributes:
        phys: The page's physical address, bytes.
    """

    def __init__(self, phys: int, message: str) -> None:
        super().__init__(message)
        self.phys = phys


def read_array(
    source: Source, found: VmallocWalk, order: int, count: int, page_size: int, report: Report
) -> array[int] | Problem:
    """Return the first ``count`` u64 of a sound area, or the reported problem of a missing page.

    Parameters and InputError as for :func:`read_pieces`.
    """
    words = array("Q")
    try:
        for piece in read_pieces(source, found, order, count, page_size):
            words += piece
    except AbsentError as absent:
        return report.add(ARRAY_ABSENT, str(absent), absent.phys)
    return words


def read_pieces(
    source: Source, found: VmallocWalk, order: int, count: int, page_size: int
) -> Iterator[array[int]]:
    """Yield the first ``count`` u64 of a sound area in pieces of up to 1 MiB, ``array('Q')``.

    ``order`` is that of the area's entries, ``page_size`` in bytes; ``count`` must not exceed the
    area's capacity. Raises InputError for more than ``MAX_WORDS``, AbsentError where the image
    lacks a page.
    """
    if count > MAX_WORDS:
        raise InputError(
            f"{source.name}: an array of {count} entries is more than the {MAX_WORDS} that are read"
        )
    block = page_size << order
    done, size = 0, count * 8
    for phys in found.pages:
        if done == size:
            return
        start = phys - phys % page_size
        end = start + min(size - done, block)
        for at in range(start, end, _PIECE):
            data = source.read(at, min(_PIECE, end - at))
            if data is None:
                raise AbsentError(
                    start,
                    f"array page 0x{start:x} ({done // 8} of {counted(count, 'entry')} before it) "
                    "is not in the image",
                )
            words = array("Q")
            words.frombytes(data)
            if sys.byteorder == "big":
                words.byteswap()
            yield words
            done += len(data)
