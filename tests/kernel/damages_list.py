"""Damages of the preserved array, and of what only the consumer looks at."""

from __future__ import annotations

import struct
from array import array

from hwpkho.abi import fdt, vmalloc
from tests.kernel.damage import NOWHERE, Scene, adjacent, damage

# --- Preserved vmalloc ---------------------------------------------------------------------------


@damage("first-zero")
def _(s: Scene) -> None:
    s.header(16, "<Q", 0)


@damage("first-outside-ram")
def _(s: Scene) -> None:
    s.header(16, "<Q", NOWHERE)


@damage("total-pages-0")
def _(s: Scene) -> None:
    s.header(24, "<I", 0)


@damage("total-pages-less")
def _(s: Scene) -> None:
    s.header(24, "<I", 2)


@damage("total-pages-more")
def _(s: Scene) -> None:
    s.header(24, "<I", 4)


@damage("total-pages-huge")
def _(s: Scene) -> None:
    s.header(24, "<I", 0xFFFF_FFFF)


@damage("flags-unknown")
def _(s: Scene) -> None:
    s.header(28, "<H", 0x8001)


@damage("flags-none", sizes=(4096,))
def _(s: Scene) -> None:
    s.header(28, "<H", 0)


@damage("order-1-of-single-pages")
def _(s: Scene) -> None:
    s.header(30, "<H", 1)


@damage("order-1-with-blocks-of-order-0")
def _(s: Scene) -> None:
    start = adjacent(s)
    s.mark([*s.made.blocks, *((page, 0) for page in s.made.pages)])
    s.chunk(1, 0)
    s.chunk(2, 0)
    s.header(24, "<IHH", 2, 1, 1)
    assert start % (2 * s.page) == 0


@damage("order-1-sound", order=1, capacity=1)
def _(s: Scene) -> None:
    del s


@damage("order-11", sizes=(4096,))
def _(s: Scene) -> None:
    s.header(30, "<H", 11)


@damage("order-11-sound", sizes=(4096,), order=11, capacity=1)
def _(s: Scene) -> None:
    del s


@damage("order-31", sizes=(4096,))
def _(s: Scene) -> None:
    s.header(30, "<H", 31)


@damage("order-32", sizes=(4096,))
def _(s: Scene) -> None:
    s.header(30, "<H", 32)


@damage("order-64", sizes=(4096,))
def _(s: Scene) -> None:
    s.header(30, "<H", 64)


@damage("order-1-not-aligned", sizes=(4096, 16384))
def _(s: Scene) -> None:
    """The block of its first page alone is not enough for an entry that is not aligned."""
    entry = s.machine.put(pages=4) + s.page
    s.machine.write(entry, s.machine.memory[s.made.pages[0]])
    s.mark([*s.made.blocks, (entry, 0)])
    s.chunk(0, entry)
    s.chunk(1, 0)
    s.chunk(2, 0)
    s.header(24, "<IHH", 2, 1, 1)


@damage("order-65535")
def _(s: Scene) -> None:
    s.header(30, "<H", 65535)


@damage("chunk-hole")
def _(s: Scene) -> None:
    s.chunk(1, 0)


@damage("chunk-goes-on-behind-its-end", sizes=(4096,))
def _(s: Scene) -> None:
    s.chunk(4, NOWHERE)


@damage("next-to-itself")
def _(s: Scene) -> None:
    s.chunk(-1, s.made.chunks[0])


@damage("next-outside-ram")
def _(s: Scene) -> None:
    s.chunk(-1, NOWHERE)


@damage("next-to-unmarked-page")
def _(s: Scene) -> None:
    s.chunk(-1, s.machine.put())


def _empty_chunk(s: Scene) -> int:
    """Put an empty chunk that is marked."""
    extra = s.machine.put(vmalloc.Chunk(0, array("Q")).build(s.page))
    s.mark([*s.made.blocks, (extra, 0)])
    return extra


@damage("next-not-aligned", sizes=(4096, 16384))
def _(s: Scene) -> None:
    s.chunk(-1, _empty_chunk(s) + 8)


@damage("next-with-high-bits", sizes=(4096, 16384))
def _(s: Scene) -> None:
    s.chunk(-1, _empty_chunk(s) | 1 << 60)


@damage("next-outside-ram-behind-too-many", sizes=(4096,))
def _(s: Scene) -> None:
    s.header(24, "<I", 2)
    s.chunk(-1, NOWHERE)


@damage("extra-empty-chunk")
def _(s: Scene) -> None:
    s.chunk(-1, _empty_chunk(s))


@damage("entry-unaligned")
def _(s: Scene) -> None:
    s.chunk(0, s.made.pages[0] + 8)


@damage("entry-twice")
def _(s: Scene) -> None:
    s.chunk(1, s.made.pages[0])


@damage("entry-outside-ram")
def _(s: Scene) -> None:
    s.chunk(1, NOWHERE)


@damage("entries-swapped", sizes=(4096,))
def _(s: Scene) -> None:
    s.chunk(1, s.made.pages[2])
    s.chunk(2, s.made.pages[1])


# --- What the consumer judges --------------------------------------------------------------------


@damage("version-2", "consumer")
def _(s: Scene) -> None:
    s.header(0, "<I", 2)


@damage("pad-not-zero", "consumer")
def _(s: Scene) -> None:
    s.header(4, "<I", 7)


@damage("size-0", "consumer")
def _(s: Scene) -> None:
    s.property("blob-size", bytes(8), "hwpoison")


@damage("size-24", "consumer")
def _(s: Scene) -> None:
    s.property("blob-size", struct.pack("<Q", 24), "hwpoison")


@damage("size-larger", "consumer", sizes=(4096,))
def _(s: Scene) -> None:
    s.property("blob-size", struct.pack("<Q", 4096), "hwpoison")


@damage("count-beyond-array", "consumer")
def _(s: Scene) -> None:
    s.header(8, "<Q", 3 * s.page // 8 + 1)


@damage("count-huge", "consumer")
def _(s: Scene) -> None:
    s.header(8, "<Q", 1 << 63)


@damage("list-empty", "consumer", pfns=())
def _(s: Scene) -> None:
    del s


@damage("fdt-compatible", "consumer", revision="fdt-v1")
def _(s: Scene) -> None:
    s.machine.swap(s.made.blob, b"hwpoison-v1", b"hwpoison-v2")


@damage("fdt-count-missing", "consumer", revision="fdt-v1")
def _(s: Scene) -> None:
    s.machine.swap(s.made.blob, b"count\0", b"counT\0")


@damage("fdt-pfns-8-bytes", "consumer", sizes=(4096, 16384), revision="fdt-v1")
def _(s: Scene) -> None:
    blob = fdt.parse(s.machine.memory[s.made.blob])
    pfns = next(p for p in blob.root.properties if p.name == "pfns")
    s.machine.poke(s.made.blob + pfns.offset - 8, ">I", 8)
    s.machine.poke(s.made.blob + pfns.offset + 8, ">II", 4, 4)


@damage("fdt-begins-with-nop", "consumer", sizes=(4096, 65536), revision="fdt-v1")
def _(s: Scene) -> None:
    (start,) = struct.unpack_from(">I", s.machine.memory[s.made.blob], 8)
    s.machine.poke(s.made.blob + start, ">I", 4)


@damage("fdt-size-ignored", "consumer", sizes=(4096,), revision="fdt-v1")
def _(s: Scene) -> None:
    s.property("blob-size", struct.pack("<Q", 8), "hwpoison")
