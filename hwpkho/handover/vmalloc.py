"""Follows a preserved vmalloc's chunks through a source, and reads the array behind them.

Source: kho_restore_vmalloc() in kernel/liveupdate/kexec_handover.c (Linux 7.3.4). Work is bounded
by the distinct pages of the image: chunks and array pages may each be named only once, and only so
many chunks may begin in the page of another. Entries are bounded by a number.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.abi.vmalloc import KNOWN_FLAGS, MAX_ORDER, SHIFT_BITS, Chunk, KhoVmalloc, slots
from hwpkho.base.addresses import align_down, page_shift
from hwpkho.base.arch import linear, phys_bits
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

#: Pages that are walked over again so often belong to a loop, or to nothing that a kernel wrote.
MAX_AGAIN = 1 << 8
#: Entries are remembered, whether their pages are there or not: an image may name half a million
#: for each 4 MiB. So many on 4 KiB pages are a list of 4 TiB of broken memory.
MAX_ENTRIES = 1 << 21
#: Words of an array that are read: 1 GiB of them, the folios of a guest of 256 GiB in 4 KiB pages.
#: An entry of a high order names as many as it likes, and a hole of the image holds them all.
MAX_WORDS = 1 << 27
#: Bytes of an array that are read at once.
_PIECE = 1 << 20


@dataclass(slots=True)
class VmallocWalk:
    """What the chain holds.

    Attributes:
        chunks: Physical addresses of the chunk pages, in chain order, rounded down to pages.
        pages: Physical address of each entry, as it stands, ``array('Q')``.
        pfns: The PFN of each entry, ascending.
        chain: How the chain ends, and whether it adds up.
        order: Log2 of the pages of an entry as the kernel's shifts take it.
        problem: What keeps the next kernel from restoring the area, as it was reported.
    """

    chunks: list[int]
    pages: array[int]
    chain: Chain
    order: int = 0
    pfns: array[int] = field(default_factory=lambda: array("Q"))
    problem: Problem | None = None

    @property
    def sound(self) -> bool:
        """Whether the next kernel could restore the area, as far as the chain tells."""
        return self.chain.restorable and self.order < SHIFT_BITS


def walk(
    source: Source,
    area: KhoVmalloc,
    page_size: int,
    report: Report,
    others: Container[int] = frozenset(),
) -> VmallocWalk:
    """Follow the chunks of ``area``; ``page_size`` in bytes. What is wrong goes to ``report``.

    ``others`` are the addresses of chunks that other areas have: the chain ends there.
    """
    order = area.entry_order
    if area.flags & ~KNOWN_FLAGS:
        report.add(FLAGS, f"vmalloc flags 0x{area.flags:x}, known are 0x{KNOWN_FLAGS:x}")
    too_large = None
    if area.order > MAX_ORDER:
        message = f"vmalloc order {area.order}, the page allocator's largest is {MAX_ORDER}"
        # Restoring does not ask the page allocator: a sound area of order 11 was seen to replay.
        replays = area.effective_order < SHIFT_BITS
        noted = report.add(ORDER, message, severity="warning" if replays else None)
        too_large = None if replays else noted
    found = VmallocWalk([], array("Q"), Chain("first-zero"), area.effective_order)
    if area.first == 0:
        found.problem = report.add(FIRST_ZERO, f"first is 0, total_pages {area.total_pages}")
        return found
    found.chain, ends = _follow(source, area, page_size, report, found, others)
    pages, whole = len(found.pages) << order, found.chain.end == "whole"
    adds_up, differs = pages == area.total_pages if whole else pages <= area.total_pages, None
    if not adds_up:
        differs = report.add(
            TOTAL_PAGES,
            f"the chunks list {len(found.pages)} entries of {1 << order} pages, "
            f"total_pages is {area.total_pages}",
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
    """Read the chain; return how it ends, and what was reported of that."""
    visited: set[int] = set()
    touched: set[int] = set()
    seen = SeenEntries()
    at, lengths = area.first, []
    bits = phys_bits(source.arch)
    while at:
        written, at = at, linear(at, source.arch)
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
            return Chain("stopped", at), None  # two of them in a page are an error already
        found.pages += chunk.entries
        if len(found.pages) > MAX_ENTRIES:
            raise InputError(
                f"{source.name}: up to the chunk 0x{at:x} there are more than {MAX_ENTRIES} array "
                "entries: no kernel made them"
            )
        lengths.append(len(chunk.entries))
        if seen.again(chunk.entries):
            # The kernel gives up here. Segments of an image may overlap in the file, so that the
            # same words stand in chunk after chunk.
            return Chain("stopped", at), None
        if len(found.pages) << area.entry_order > area.total_pages:
            # Nor does it look at what follows more than there should be.
            return Chain("stopped", at), None
        if chunk.hole:
            # What the kernel does not see is missed only where the pages do not add up.
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
            f"{len(lengths)} chunks for {sum(lengths)} entries, a producer makes "
            f"{sum(lengths) // full + 1}",
            area.first,
        )
    return Chain("whole"), None


class SeenEntries:
    """The array entries of a chain, to tell one that comes a second time.

    A kernel allocates the pages of an array mostly in order: then the entries of each chunk lie
    between others' and need no looking at one by one.
    """

    def __init__(self) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        self._chunks: list[array[int]] = []
        self._all: set[int] | None = None

    def again(self, entries: array[int]) -> bool:
        """Add the entries of a chunk; tell whether one of them was there before."""
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
    """Read the chunk at ``at``, which may lie across two pages of which the image lacks one."""
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
    """Yield ``(phys, order)`` of the blocks as which an entry at ``phys`` is restored.

    kho_restore_pages() goes by natural alignment: an entry that is aligned to its order is one
    block, any other several.
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
    """Tell whether one of the blocks that an entry at ``pfn`` is restored as starts at ``at``."""
    size = 1 << order
    if not pfn <= at < pfn + size:
        return False
    # From pfn up to a multiple of the size blocks grow, from there on they shrink.
    before = at - pfn if at <= -(-pfn // size) * size else pfn + size - at
    return at == pfn or before < at & -at


def share_a_block(one: int, other: int, order: int) -> bool:
    """Tell whether entries at the PFNs ``one`` and ``other``, not below it, have a block in common.

    That is one with the same start. Of many entries two have one only if two that follow each
    other in ascending order do: between two multiples of the size there is place for one.
    """
    size = 1 << order
    middle = -(-one // size) * size  # where the blocks of one, if it is not aligned, are largest
    if other >= one + size:
        return False
    if other <= middle:
        return True
    # Behind the middle, one ends after `end` pages, and other starts after `start`.
    end, start = one + size - middle, other - middle
    bit = 1 << (end ^ start).bit_length() - 1
    return start & (bit - 1) == 0 or end & (bit - 1) != 0


def _check_entries(
    found: VmallocWalk, order: int, page_size: int, report: Report
) -> Problem | None:
    """Report entries that are odd; return the first page that is named twice."""
    pages = found.pages
    named: list[Problem] = []
    unaligned = [p for p in pages if p % page_size]
    if unaligned:
        report.add(
            ARRAY_UNALIGNED,
            f"{len(unaligned)} array entries are not page aligned, the first is 0x{unaligned[0]:x}",
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
    # A chunk page is restored too, once its entries were. What else a block of this order would
    # cover does not matter: the kernel restores the blocks that the tracker says start there.
    for chunk in sorted({*found.chunks}):
        # Of entries that share no block only the last before it can have one that starts there.
        i = bisect_right(pfns, chunk >> shift) - 1
        if i >= 0 and starts_block(pfns[i], chunk >> shift, order):
            message = f"chunk 0x{chunk:x} is an array page as well"
            named.append(report.add(PAGE_TWICE, message, chunk))
    again = next((b for a, b in pairwise(sorted(found.chunks)) if a == b), None)
    if again is not None:
        named.append(report.add(PAGE_TWICE, f"two chunks lie in page 0x{again:x}", again))
    return named[0] if named else None


class AbsentError(Exception):
    """A page of an array is not in the image.

    Attributes:
        phys: Its physical address, bytes.
    """

    def __init__(self, phys: int, message: str) -> None:
        super().__init__(message)
        self.phys = phys


def read_array(
    source: Source, found: VmallocWalk, order: int, count: int, page_size: int, report: Report
) -> array[int] | Problem:
    """Return the first ``count`` u64 of a sound area as ``array('Q')``, or that a page lacks.

    As :func:`read_pieces`.
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
    """Yield the first ``count`` u64 of a sound area as they lie in its pages, up to 1 MiB of them.

    ``count`` must not exceed the area's capacity. Raises InputError above ``MAX_WORDS``,
    AbsentError where a page lacks.
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
                    f"array page 0x{start:x} ({done // 8} of {count} entries before it) is not in "
                    "the image",
                )
            words = array("Q")
            words.frombytes(data)
            if sys.byteorder == "big":
                words.byteswap()
            yield words
            done += len(data)
