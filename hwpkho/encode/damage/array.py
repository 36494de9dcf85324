"""Damages of the preserved array: its fields in the blob, its chunks, its entries."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hwpkho.abi import vmalloc
from hwpkho.encode.damage.base import ONE_CHUNK, RESTORE, SINGLE, STRUCT, Damages, pages

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft

DAMAGES = Damages()
_damage = DAMAGES.damage

#: Offsets in the struct revision's blob, bytes.
_FIRST, _TOTAL, _FLAGS, _ORDER = 16, 24, 28, 30


@_damage("first-zero", "the first chunk's address is 0", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_FIRST, "<Q", 0)


@_damage("first-outside-ram", "the first chunk's address is outside RAM", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_FIRST, "<Q", d.nowhere())


@_damage("total-pages-0", "total_pages is 0", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_TOTAL, "<I", 0)


@_damage("total-pages-less", "total_pages is one less than there are", RESTORE, STRUCT, pages(2))
def _(d: Draft) -> None:
    d.header(_TOTAL, "<I", d.total_pages - 1)


@_damage("total-pages-more", "total_pages is one more than there are", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_TOTAL, "<I", d.total_pages + 1)


@_damage("total-pages-huge", "total_pages is 2^32 - 1", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_TOTAL, "<I", 0xFFFF_FFFF)


@_damage("flags-unknown", "flags have a bit that no kernel knows", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_FLAGS, "<H", d.request.wanted_flags | 0x8000)


@_damage("flags-none", "flags are 0", RESTORE, STRUCT)
def _(d: Draft) -> None:
    d.header(_FLAGS, "<H", 0)


@_damage("order-1-of-single-pages", "order is 1, total_pages is that of single pages", RESTORE,
         STRUCT, SINGLE)  # fmt: skip
def _(d: Draft) -> None:
    d.header(_ORDER, "<H", 1)


@_damage("order-1-with-blocks-of-order-0", "entries of order 1 are marked page by page", RESTORE,
         STRUCT, SINGLE, ONE_CHUNK)  # fmt: skip
def _(d: Draft) -> None:
    d.move_array(2)
    d.list_entries(order=1)
    d.mark_more([(page, 0) for page in d.entries])


@_damage("order-1-not-aligned", "entries of order 1 begin at odd pages, one block each", RESTORE,
         STRUCT, SINGLE, ONE_CHUNK)  # fmt: skip
def _(d: Draft) -> None:
    # Such an entry is restored page by page, and each page needs a block of its own.
    d.move_array(2, skip=1)
    d.list_entries(order=1)
    d.mark_more([(page, 0) for page in d.entries[::2]])


@_damage("order-11-of-single-pages", "order is 11, more than the page allocator has", RESTORE,
         STRUCT, SINGLE)  # fmt: skip
def _(d: Draft) -> None:
    d.header(_ORDER, "<H", 11)


@_damage("order-11", "entries of order 11, marked as such: more than the page allocator "
    "has", RESTORE,
         STRUCT, SINGLE, ONE_CHUNK)  # fmt: skip
def _(d: Draft) -> None:
    d.move_array(1 << 11)
    d.list_entries(order=11)
    d.mark_more([(entry, 11) for entry in d.entries[:: 1 << 11]])


@_damage("order-31", "order is 31", RESTORE, STRUCT, SINGLE)
def _(d: Draft) -> None:
    d.header(_ORDER, "<H", 31)


@_damage("order-32", "order is 32, where a shift of 32 bits wraps", RESTORE, STRUCT, SINGLE)
def _(d: Draft) -> None:
    d.header(_ORDER, "<H", 32)


@_damage("order-64", "order is 64, where a shift of 64 bits wraps", RESTORE, STRUCT, SINGLE)
def _(d: Draft) -> None:
    d.header(_ORDER, "<H", 64)


@_damage("order-65535", "order is 65535", RESTORE, STRUCT, SINGLE)
def _(d: Draft) -> None:
    d.header(_ORDER, "<H", 65535)


@_damage("chunk-hole", "an empty slot stands before entries of the first chunk", RESTORE, pages(3))
def _(d: Draft) -> None:
    d.chunk(d.inner, 0)


@_damage("chunk-goes-on-behind-its-end", "the chunk has something behind its first empty slot",
         RESTORE, ONE_CHUNK)  # fmt: skip
def _(d: Draft) -> None:
    d.chunk(len(d.entries) + 1, d.nowhere())


@_damage("next-to-itself", "the last chunk leads to itself", RESTORE)
def _(d: Draft) -> None:
    d.next(d.chunks[-1])


@_damage("next-outside-ram", "the last chunk leads outside RAM", RESTORE)
def _(d: Draft) -> None:
    d.next(d.nowhere())


@_damage("next-to-unmarked-page", "the last chunk leads to a page that is not marked", RESTORE)
def _(d: Draft) -> None:
    d.next(d.put())


def _empty_chunk(d: Draft) -> int:
    """Put an empty chunk that is marked; return its address."""
    extra = d.put(vmalloc.Chunk(0, array("Q")).build(d.page))
    d.mark_more([(extra, 0)])
    return extra


@_damage("next-not-aligned", "the last chunk leads to byte 8 of another, an empty one", RESTORE)
def _(d: Draft) -> None:
    d.next(_empty_chunk(d) + 8)


@_damage("next-with-high-bits", "the last chunk leads to an address with bit 60 set", RESTORE)
def _(d: Draft) -> None:
    d.next(_empty_chunk(d) | 1 << 60)


@_damage("next-outside-ram-behind-too-many", "more entries than total_pages, then a chunk outside "
         "RAM", RESTORE, STRUCT, pages(2))  # fmt: skip
def _(d: Draft) -> None:
    d.header(_TOTAL, "<I", d.total_pages - 1)
    d.next(d.nowhere())


@_damage("extra-empty-chunk", "an empty chunk follows the last one", RESTORE)
def _(d: Draft) -> None:
    d.next(_empty_chunk(d))


@_damage("entry-unaligned", "the first entry leads to byte 8 of its page", RESTORE)
def _(d: Draft) -> None:
    d.chunk(0, d.entries[0] + 8)


@_damage("entry-twice", "two entries lead to one page", RESTORE, SINGLE, pages(2))
def _(d: Draft) -> None:
    d.chunk(1, d.entries[0])


@_damage("entry-outside-ram", "an entry leads outside RAM", RESTORE)
def _(d: Draft) -> None:
    d.chunk(d.inner, d.nowhere())


@_damage("entries-swapped", "the second and the third entry are swapped", RESTORE, SINGLE, pages(3))
def _(d: Draft) -> None:
    d.chunk(1, d.entries[2])
    d.chunk(2, d.entries[1])
