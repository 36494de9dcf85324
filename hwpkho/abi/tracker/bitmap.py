"""The preserved-memory tracker of kho-v1: linked chunks of bitmaps.

Source: kernel/kexec_handover.c of Linux 6.18 and 6.19 (struct khoser_mem_chunk). A chunk is a page:
a 16-byte head, then elements ``{u64 phys_start, u64 bitmap}``, all of the head's order. The kernel
checks none of it (deserialize_bitmap()): it looks at the order where a bit is set, and takes an
element that no producer writes as it is.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.walked import MAX_DEFECTS, Defect, TrackerWalk
from hwpkho.base.addresses import page_shift
from hwpkho.base.arch import phys_bits
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.tracker.walked import Memory

HEAD = 16
ELEMENT = 16

#: Bytes of a bitmap before 6.18.
SMALL_BITMAP = 512

#: So many elements that no kernel makes are followed, more than a chunk of 4 KiB holds: each is a
#: page of work that costs the input 16 bytes.
_MAX_ODD = 1 << 8


class Chunk(NamedTuple):
    """One chunk.

    Attributes:
        next: Physical address of the next chunk, 0 ends the chain.
        order: Order of the blocks that its bitmaps mark.
        elements: ``(phys_start, bitmap)`` physical addresses, bytes.
        announced: num_elms of the head, which may be more than a page holds.
    """

    next: int
    order: int
    elements: tuple[tuple[int, int], ...]
    announced: int

    @classmethod
    def parse(cls, page: bytes | memoryview) -> Chunk:
        """Read one page; no more elements than it holds."""
        from hwpkho.abi import headers

        h = headers.parse(headers.BITMAP_CHUNK, page[:HEAD])
        n = min(h.num_elms, elements_per_chunk(len(page)))
        body = bytes(page[HEAD : HEAD + n * ELEMENT])
        return cls(h.next, h.order, tuple(struct.iter_unpack("<QQ", body)), h.num_elms)

    def build(self, page_size: int) -> bytes:
        """Return the page of ``page_size`` bytes."""
        from hwpkho.abi import headers

        head = headers.build(
            headers.BITMAP_CHUNK, next=self.next, order=self.order, num_elms=len(self.elements)
        )
        body = b"".join(struct.pack("<QQ", *e) for e in self.elements)
        return (head + body).ljust(page_size, b"\0")


def elements_per_chunk(page_size: int) -> int:
    """Return how many elements a chunk of one page holds."""
    return (page_size - HEAD) // ELEMENT


def build(
    blocks: Iterable[tuple[int, int]], page_size: int, allocate: Callable[[], int]
) -> tuple[int, dict[int, bytes]]:
    """See :meth:`hwpkho.abi.tracker.Tracker.build`; each chunk and bitmap takes a page."""
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

    Raises InputError where more elements are odd than it is sensible to follow, and nothing else
    is known to crash the next kernel.
    """
    chunks: list[tuple[int, Chunk]] = []
    found = TrackerWalk(Preserved(page_shift(page_size), page_size * 8), [], [], [])
    visited: set[int] = set()
    bitmaps: set[int] = set()
    elements = 0
    at, bits = start, phys_bits(memory.arch)
    while at and len(found.damaged) < MAX_DEFECTS:
        if at % page_size or at >> bits or at in visited:
            why = "is reached twice" if at in visited else "is no page address"
            found.damaged.append(Defect(f"chunk 0x{at:x} {why}", at))
            break
        visited.add(at)
        page = memory.look(at, page_size)
        if page is None:
            found.absent.append(at)
            break
        found.nodes.append(at)
        found.looks.append((at, page_size))
        found.places[at] = 1, 0
        chunk = Chunk.parse(page)
        if chunk.announced != len(chunk.elements):
            found.damaged.append(Defect(f"chunk 0x{at:x} announces {chunk.announced} elements", at))
        chunks.append((at, chunk))
        elements += len(chunk.elements)
        bitmaps.update(bitmap for _, bitmap in chunk.elements)
        if elements - len(bitmaps) > _MAX_ODD:
            _too_many(memory, found, start, "name a bitmap again")
            break
        at = chunk.next
    size = _bitmap_size(chunks, page_size)
    found.preserved.bits = size * 8
    odd = 0
    for at, chunk in chunks:
        for phys_start, bitmap in chunk.elements:
            if found.enough:
                return found
            if odd > _MAX_ODD:
                _too_many(memory, found, start, "are none that a kernel makes")
                return found
            odd += _take_element(
                memory, found, visited, (at, chunk.order, size), phys_start, bitmap
            )
    return found


def _too_many(memory: Memory, found: TrackerWalk, start: int, what: str) -> None:
    """Give up, unless it is known already that the next kernel crashes."""
    if not found.damaged:
        raise InputError(
            f"{memory.name}: more than {_MAX_ODD} elements of the tracker at 0x{start:x} {what}"
        )


def _take_element(
    memory: Memory,
    found: TrackerWalk,
    visited: set[int],
    chunk: tuple[int, int, int],
    phys_start: int,
    bitmap: int,
) -> bool:
    """File what an element marks; return whether it is work that no kernel makes."""
    at, order, size = chunk
    named = f"chunk 0x{at:x}: bitmap 0x{bitmap:x} for 0x{phys_start:x}"
    if not bitmap:
        found.damaged.append(Defect(f"{named}: it is read at a null pointer", at))
        return False
    page = memory.look(bitmap, size)
    if page is None:
        found.absent.append(bitmap)
        return False
    shift, bits, leaves = found.preserved.page_shift, size * 8, found.preserved.leaves
    # A block that is not aligned to its order has no place among the others.
    first, rest = divmod(phys_start >> shift, 1 << order) if order <= 64 - shift else (0, 1)
    marks = int.from_bytes(page, "little")
    if marks and (rest or first + marks.bit_length() << shift + order > 1 << 64):
        found.damaged.append(Defect(f"{named} of order {order} makes no sense", at))
        return False
    number, skip = divmod(first, bits)
    odd = bool(bitmap in visited or bitmap % size or skip or phys_start % (1 << shift) or rest)
    odd = odd or (order, number) in leaves
    if odd:
        found.note_odd(f"{named} of order {order} is none that a kernel makes", at)
    if rest:
        return True
    if bitmap not in visited:
        visited.add(bitmap)
        found.nodes.append(bitmap)
        found.looks.append((bitmap, size))
    if not skip and (order, number) not in leaves:
        leaves[order, number] = page
        return odd
    marks <<= skip
    for key, part in (
        ((order, number), marks & (1 << bits) - 1),
        ((order, number + 1), marks >> bits),
    ):
        if part:
            part |= int.from_bytes(leaves.get(key, b""), "little")
            leaves[key] = part.to_bytes(size, "little")
    return odd


def _bitmap_size(chunks: list[tuple[int, Chunk]], page_size: int) -> int:
    """Return the bytes of a bitmap: a page since 6.18, 512 before.

    Their addresses tell. Small ones may all be page aligned by chance, few as they are: then most
    of them tell by what they are for, and an element that no kernel makes has no say.
    """
    shift = page_shift(page_size)
    small = large = 0
    for _, chunk in chunks:
        unit = shift + min(chunk.order, 64 - shift)
        for start, bitmap in chunk.elements:
            if bitmap % SMALL_BITMAP or start & (SMALL_BITMAP * 8 << unit) - 1:
                continue  # of neither size
            if bitmap % page_size:
                return SMALL_BITMAP
            if start & (page_size * 8 << unit) - 1:
                small += 1
            else:
                large += 1
    return SMALL_BITMAP if small > large else page_size


def spans(walk: TrackerWalk, node: int, page: memoryview) -> tuple[str, Iterator[Span]]:
    """See :meth:`hwpkho.abi.tracker.Tracker.spans`."""
    del walk, node  # of the chunks alone, which tell all of themselves
    return "tracker chunk", _chunk_spans(Chunk.parse(page))


def _chunk_spans(chunk: Chunk) -> Iterator[Span]:
    yield Span(0, 8, f"next 0x{chunk.next:x}" if chunk.next else "next: end of chain")
    yield Span(8, 4, f"order {chunk.order}")
    yield Span(12, 4, f"num_elms {chunk.announced}")
    for i, (start, bitmap) in enumerate(chunk.elements):
        meaning = f"element {i}: phys_start 0x{start:x}, bitmap 0x{bitmap:x}"
        yield Span(HEAD + ELEMENT * i, ELEMENT, meaning)
