"""The preserved-memory tracker of kho-v1: linked chunks of bitmaps.

Source: kernel/kexec_handover.c of Linux 6.18 and 6.19 (struct khoser_mem_chunk). A chunk is a page:
a 16-byte head, then elements ``{u64 phys_start, u64 bitmap}``, all of the head's order.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import headers
from hwpkho.base.addresses import page_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEAD = 16
ELEMENT = 16

#: Bytes of a bitmap before 6.18.
SMALL_BITMAP = 512


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
        h = headers.parse(headers.BITMAP_CHUNK, page[:HEAD])
        n = min(h.num_elms, elements_per_chunk(len(page)))
        body = bytes(page[HEAD : HEAD + n * ELEMENT])
        return cls(h.next, h.order, tuple(struct.iter_unpack("<QQ", body)), h.num_elms)

    def build(self, page_size: int) -> bytes:
        """Return the page of ``page_size`` bytes."""
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
    """Return ``(first, pages)``: the chunks and bitmaps that mark ``blocks``, ``(phys, order)``.

    ``allocate`` returns the physical address of a fresh page; each chunk and bitmap takes one.
    """
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
