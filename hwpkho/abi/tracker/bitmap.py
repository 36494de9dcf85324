"""The preserved-memory tracker of kho-v1: linked chunks of bitmaps.

Source: kernel/kexec_handover.c of Linux 6.18 and 6.19 (struct khoser_mem_chunk). A chunk is a page:
a 16-byte head, then elements ``{u64 phys_start, u64 bitmap}``, all of the head's order. The kernel
checks nothing (deserialize_bitmap()): it uses the order only where a bit is set, and follows
elements that no producer writes. It reads through its linear map, so chunks and bitmaps may be at
any address: x86-64 and arm64 read normal memory unaligned, whatever the configuration
(HAVE_EFFICIENT_UNALIGNED_ACCESS). A block need not be aligned to its order: memblock_reserve() and
page->private require no alignment, and kho_restore_page() knows only a block's first page.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.walked import MAX_DEFECTS, Defect, TrackerWalk
from hwpkho.base.addresses import align_down, page_shift
from hwpkho.base.arch import linear, phys_bits
from hwpkho.base.counting import counted
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.tracker.walked import Memory

HEAD = 16
ELEMENT = 16

#: Bytes of a bitmap before 6.18.
SMALL_BITMAP = 512

#: The most elements, and the most chunks, that no kernel makes but which are followed. Each costs a
#: page of work and the input only 16 bytes. A chunk of 4 KiB has fewer elements.
_MAX_ODD = 1 << 8
#: The most blocks not aligned to their order that are listed; no kernel marks one.
_MAX_SHIFTED = 1 << 16
#: One 512-byte bitmap in eight begins at a page boundary by chance, and a damaged element of a
#: page-sized bitmap may point anywhere. So bitmaps count as 512-byte ones where at most this many
#: begin at a page boundary for each that does not.
_BY_CHANCE = 4


class Chunk(NamedTuple):
    """One chunk.

    Attributes:
        next: Physical address of the next chunk, 0 ends the chain.
        order: Order of the blocks that its bitmaps mark.
        elements: ``(phys_start, bitmap)`` of each: physical addresses of the memory that the first
            bit marks, and of the bitmap.
        announced: num_elms of the head, which may be more than a page holds.
    """

    next: int
    order: int
    elements: tuple[tuple[int, int], ...]
    announced: int

    @classmethod
    def parse(cls, page: bytes | memoryview) -> Chunk:
        """Read one page, or its beginning: as many elements as ``page`` holds."""
        from hwpkho.abi import headers

        h = headers.parse(headers.BITMAP_CHUNK, page[:HEAD])
        n = min(h.num_elms, elements_per_chunk(len(page)))
        body = bytes(page[HEAD : HEAD + n * ELEMENT])
        return cls(h.next, h.order, tuple(struct.iter_unpack("<QQ", body)), h.num_elms)

    def build(self, page_size: int) -> bytes:
        """Return the chunk as a page of ``page_size`` bytes."""
        from hwpkho.abi import headers

        head = headers.build(
            headers.BITMAP_CHUNK, next=self.next, order=self.order, num_elms=len(self.elements)
        )
        body = b"".join(struct.pack("<QQ", *e) for e in self.elements)
        return (head + body).ljust(page_size, b"\0")


def elements_per_chunk(page_size: int) -> int:
    """Return how many elements a chunk of ``page_size`` bytes holds."""
    return (page_size - HEAD) // ELEMENT


def build(
    blocks: Iterable[tuple[int, int]], page_size: int, allocate: Callable[[], int]
) -> tuple[int, dict[int, bytes]]:
    """See :meth:`hwpkho.abi.tracker.Tracker.build`; each chunk and each bitmap takes a page."""
    shift, bits = page_shift(page_size), page_size * 8
    bitmaps: dict[int, dict[int, bytearray]] = {}
    for phys, order in blocks:
        number, bit = divmod(phys >> (shift + order), bits)
        bitmap = bitmaps.setdefault(order, {}).setdefault(number, bytearray(page_size))
        bitmap[bit >> 3] |= 1 << (bit & 7)
    pages: dict[int, bytes] = {}
    chunks: list[tuple[int, int, list[tuple[int, int]]]] = []
    per_chunk = elements_per_chunk(page_size)
    for order, by_number in sorted(bitmaps.items()):
        elements = []
        for number, bitmap in sorted(by_number.items()):
            at = allocate()
            pages[at] = bytes(bitmap)
            elements.append((number * bits << (shift + order), at))
        chunks += [
            (allocate(), order, elements[i : i + per_chunk])
            for i in range(0, len(elements), per_chunk)
        ]
    following = 0
    for at, order, elements in reversed(chunks):
        pages[at] = Chunk(following, order, tuple(elements), len(elements)).build(page_size)
        following = at
    return following, pages


def walk(memory: Memory, start: int, page_size: int) -> TrackerWalk:
    """See :meth:`hwpkho.abi.tracker.Tracker.walk`.

    Raises InputError where more elements are odd than are worth following, unless damage is known
    already that crashes the next kernel.
    """
    chunks: list[tuple[int, Chunk]] = []
    found = TrackerWalk.begin(Preserved(page_shift(page_size), page_size * 8))
    visited: set[int] = set()
    touched: set[int] = set()  # the pages in which chunks begin
    bitmaps: set[int] = set()
    elements = 0
    following, bits = start, phys_bits(memory.arch)
    while following and len(found.damaged) < MAX_DEFECTS:
        written, at = following, linear(following, memory.arch)
        if at >> bits or at in visited:
            why = "is reached twice" if at in visited else "is not a physical address"
            found.damaged.append(Defect(f"chunk 0x{at:x} {why}", at))
            break
        visited.add(at)
        touched.add(align_down(at, page_size))
        if written != at or at % page_size:
            what = "page aligned" if at % page_size else "a physical address"
            found.note_odd(f"chunk address 0x{written:x} is not {what}: 0x{at:x} is read", at)
        chunk = _chunk(memory, at, page_size, found)
        if chunk is None:
            found.absent.append(at)
            break
        found.nodes.append(at)
        found.places[at] = 1, 0
        if chunk.announced != len(chunk.elements):
            found.damaged.append(
                Defect(f"chunk 0x{at:x} announces {counted(chunk.announced, 'element')}", at)
            )
        chunks.append((at, chunk))
        elements += len(chunk.elements)
        bitmaps.update(bitmap for _, bitmap in chunk.elements)
        if elements - len(bitmaps) > _MAX_ODD:
            _too_many(memory, found, start, "elements", "name a bitmap again")
            break
        if len(visited) - len(touched) > _MAX_ODD:
            _too_many(memory, found, start, "chunks", "overlap")
            break
        following = chunk.next
    size = _bitmap_size(chunks, page_size)
    found.preserved.bits = size * 8
    odd = 0
    of_all = ((at, chunk.order, *element) for at, chunk in chunks for element in chunk.elements)
    for at, order, phys_start, bitmap in of_all:
        if found.enough:
            break
        if odd > _MAX_ODD:
            _too_many(memory, found, start, "elements", "are not ones that a kernel makes")
            break
        odd += _take_element(memory, found, visited, (at, order, size), phys_start, bitmap)
        if sum(map(len, found.preserved.shifted.values())) > _MAX_SHIFTED:
            what = "are not aligned to their order"
            _too_many(memory, found, start, "blocks", what, _MAX_SHIFTED)
            break
    found.check(memory, start)
    return _in_order(found)


def _chunk(memory: Memory, at: int, page_size: int, found: TrackerWalk) -> Chunk | None:
    """Read a chunk, None where the image lacks it.

    Where an unaligned chunk crosses a page boundary, the image may lack the second page: the part
    in the first suffices if it holds all announced elements, as the kernel reads no further.
    """
    page = memory.look(at, page_size)
    part = page_size - at % page_size
    if page is None and HEAD <= part < page_size and (page := memory.look(at, part)) is not None:
        announced = Chunk.parse(page).announced
        page = page if HEAD + announced * ELEMENT <= part else None
    if page is None:
        return None
    found.looks.append((at, len(page)))
    return Chunk.parse(page)


def _in_order(found: TrackerWalk) -> TrackerWalk:
    """Sort the unaligned blocks and drop repeats."""
    shifted = found.preserved.shifted
    for order, starts in shifted.items():
        shifted[order] = sorted(set(starts))
    return found


def _too_many(
    memory: Memory, found: TrackerWalk, start: int, parts: str, what: str, limit: int = _MAX_ODD
) -> None:
    """Raise InputError, unless damage is known already that crashes the next kernel."""
    if not found.damaged:
        raise InputError(
            f"{memory.name}: more than {limit} {parts} of the tracker at 0x{start:x} {what}"
        )


def _take_element(
    memory: Memory,
    found: TrackerWalk,
    visited: set[int],
    chunk: tuple[int, int, int],
    phys_start: int,
    bitmap: int,
) -> bool:
    """Add the blocks that an element marks to ``found``; return whether no kernel writes it."""
    at, order, size = chunk
    named = f"chunk 0x{at:x}: bitmap 0x{bitmap:x} for 0x{phys_start:x}"
    written, bitmap = bitmap, linear(bitmap, memory.arch)
    if not written or bitmap >> phys_bits(memory.arch):
        why = "it is not a physical address" if written else "it is read at a null pointer"
        found.damaged.append(Defect(f"{named}: {why}", at))
        return False
    page = memory.look(bitmap, size)
    if page is None:
        found.absent.append(bitmap)
        return False
    shift, bits, leaves = found.preserved.page_shift, size * 8, found.preserved.leaves
    start, marks = phys_start >> shift, int.from_bytes(page, "little")
    orders = order <= 64 - shift
    if marks and not (orders and start + (marks.bit_length() << order) << shift <= 1 << 64):
        found.damaged.append(Defect(f"{named}: blocks of order {order} reach past 2^64", at))
        return False
    first, rest = divmod(start, 1 << order) if orders else (0, 1)
    number, skip = divmod(first, bits)
    odd = bool(bitmap in visited or bitmap % size or skip or phys_start % (1 << shift) or rest)
    odd = odd or written != bitmap or (order, number) in leaves
    if odd:
        found.note_odd(f"{named} of order {order} is not one that a kernel makes", at)
    if rest and not marks:
        return True
    if bitmap not in visited:
        visited.add(bitmap)
        found.nodes.append(bitmap)
        found.looks.append((bitmap, size))
    if not marks:
        found.empty.append(bitmap)
        return odd
    if rest:
        blocks = (start + (bit << order) << shift for bit in _set_bits(page))
        held = sum(map(len, found.preserved.shifted.values()))
        shifted = found.preserved.shifted.setdefault(order, [])
        shifted += islice(blocks, _MAX_SHIFTED + 1 - held)
        return True
    if not skip and (order, number) not in leaves:
        found.preserved.add(order, number, page)
        return odd
    marks <<= skip
    for where, part in ((number, marks & (1 << bits) - 1), (number + 1, marks >> bits)):
        if part:
            part |= int.from_bytes(leaves.get((order, where), b""), "little")
            found.preserved.add(order, where, part.to_bytes(size, "little"))
    return odd


def _set_bits(page: memoryview) -> Iterator[int]:
    for at, byte in enumerate(page):
        for bit in range(8) if byte else ():
            if byte >> bit & 1:
                yield at * 8 + bit


def _bitmap_size(chunks: list[tuple[int, Chunk]], page_size: int) -> int:
    """Return the bytes of a bitmap: a page since 6.18, 512 before.

    A kernel is built for one size (PRESERVE_BITS) and reads every bitmap with it, so the elements
    decide by majority. A bitmap that does not begin at a page boundary counts for 512, but small
    ones may begin at one by chance, and damaged addresses may be anything. Where all begin at page
    boundaries, phys_start tells: it is a multiple of what a bitmap covers. Elements that fit
    neither size do not count.
    """
    shift = page_shift(page_size)
    small = large = within = 0
    for _, chunk in chunks:
        unit = shift + min(chunk.order, 64 - shift)
        for start, bitmap in chunk.elements:
            if bitmap % SMALL_BITMAP or start & (SMALL_BITMAP * 8 << unit) - 1:
                continue  # fits neither size
            if bitmap % page_size:
                within += 1
            elif start & (page_size * 8 << unit) - 1:
                small += 1
            else:
                large += 1
    if within:
        return SMALL_BITMAP if large <= small + _BY_CHANCE * within else page_size
    return SMALL_BITMAP if small > large else page_size


def spans(walk: TrackerWalk, node: int, page: memoryview) -> tuple[str, Iterator[Span]]:
    """See :meth:`hwpkho.abi.tracker.Tracker.spans`."""
    del walk, node  # only chunks are annotated, and a chunk needs nothing but its page
    return "tracker chunk", _chunk_spans(Chunk.parse(page))


def _chunk_spans(chunk: Chunk) -> Iterator[Span]:
    yield Span(0, 8, f"next 0x{chunk.next:x}" if chunk.next else "next: end of chain")
    yield Span(8, 4, f"order {chunk.order}")
    yield Span(12, 4, f"num_elms {chunk.announced}")
    for i, (start, bitmap) in enumerate(chunk.elements):
        meaning = f"element {i}: phys_start 0x{start:x}, bitmap 0x{bitmap:x}"
        yield Span(HEAD + ELEMENT * i, ELEMENT, meaning)
