"""Inputs that promise more work than they have bytes, each at most 4 MiB."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi import fdt, kho, vmalloc
from hwpkho.abi.tracker import bitmap, radix
from tests.support.examples import much
from tests.support.handovers import Machine, elf

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 4 << 20
BASE = 0x4000_0000
PAGE = 4096
#: Tables, chunks or chunks of pages.
MANY = much(120, 1000)


def _shared_child() -> bytes:
    """Every entry of every table names the same child: 512^5 leaves."""
    m = Machine(gap=0)
    h = m.handover()
    shape = radix.geometry(PAGE)
    child = m.put(b"\xff" * PAGE)
    for _ in range(shape.levels - 1):
        child = m.put(struct.pack("<Q", child) * 512)
    m.swap(h.root, struct.pack("<Q", h.tracker), struct.pack("<Q", child))
    return m.elf()


def _tables_all_absent() -> bytes:
    """Tables whose entries point at pages that are not there, 512 each."""
    m = Machine(gap=0)
    h = m.handover()
    absent = iter(range(1 << 40, 1 << 45, PAGE))

    def table() -> bytes:
        return struct.pack("<512Q", *(next(absent) for _ in range(512)))

    leaves = [m.put(table()) for _ in range(MANY)]
    tops = [m.put(struct.pack("<512Q", *part.ljust(512))) for part in _parts(leaves)]
    top = m.put(struct.pack("<512Q", *_Padded(tops).ljust(512)))
    m.swap(h.root, struct.pack("<Q", h.tracker), struct.pack("<Q", top))
    return m.elf()


class _Padded(list[int]):
    def ljust(self, n: int) -> list[int]:
        return self + [0] * (n - len(self))


def _parts(items: list[int]) -> list[_Padded]:
    return [_Padded(items[i : i + 512]) for i in range(0, len(items), 512)]


def _segments_over_the_same_bytes() -> bytes:
    """Tens of thousands of PT_LOADs that all show the same few pages, each with an FDT magic."""
    n, pages = much(4000, 30_000), 256
    body = (fdt.MAGIC + struct.pack(">I", 65536)).ljust(PAGE, b"\1") * pages
    image = bytearray(elf([(BASE, body)]))
    at = image.index(fdt.MAGIC)
    load = [
        struct.pack("<IIQQQQQQ", 1, 7, at, 0, BASE + i * len(body), len(body), len(body), 0)
        for i in range(n)
    ]
    struct.pack_into("<Q", image, 32, len(image))
    struct.pack_into("<H", image, 56, n)
    return bytes(image) + b"".join(load)


def _few_segments_with_many_magics() -> bytes:
    """As many magics behind overlapping segments as are still looked up."""
    pages, n = 16, much(1000, 4000)
    body = (fdt.MAGIC + struct.pack(">I", 65536)).ljust(PAGE, b"\1") * pages
    image = bytearray(elf([(BASE, body)]))
    at = image.index(fdt.MAGIC)
    load = [
        struct.pack("<IIQQQQQQ", 1, 7, at, 0, BASE + i * len(body), len(body), len(body), 0)
        for i in range(n)
    ]
    struct.pack_into("<Q", image, 32, len(image))
    struct.pack_into("<H", image, 56, n)
    return bytes(image) + b"".join(load)


def _segments_of_a_few_bytes() -> bytes:
    """Pages in 64-byte segments: reading a page joins 64 of them, reading an FDT 1024."""
    n, step = much(8000, 60_000), 64
    page = (fdt.MAGIC + struct.pack(">I", 65536) + b"kho-v4\0").ljust(PAGE, b"\1")
    image = bytearray(elf([(BASE, page)]))
    at = image.index(fdt.MAGIC)
    load = [
        struct.pack("<IIQQQQQQ", 1, 7, at + i * step % PAGE, 0, BASE + i * step, step, step, 0)
        for i in range(n)
    ]
    struct.pack_into("<Q", image, 32, len(image))
    struct.pack_into("<H", image, 56, n)
    return bytes(image) + b"".join(load)


def _one_array_page_many_times() -> bytes:
    """Chunks that name one array page over and over."""
    m = Machine(gap=0)
    h = m.handover()
    page = h.pages[0]
    following = 0
    for _ in range(MANY):
        following = m.put(struct.pack("<Q", following) + struct.pack("<Q", page) * 511)
    m.poke(h.blob + 8, "<QQI", 1 << 40, following, 511 * MANY)
    return m.elf()


def _many_array_pages(*, inside: bool = False) -> Callable[[], bytes]:
    """Chunks that name many different pages, and a scratch array of 4096 areas.

    They lie inside these or beside them.
    """

    def make() -> bytes:
        m = Machine(arch="x86_64", gap=0)
        h = m.handover()
        base, following = 1 << 30, 0
        for i in range(0, 511 * MANY, 511):
            entries = [base + n * PAGE for n in range(i, i + 511)]
            following = m.put(struct.pack("<512Q", following, *entries[::-1]))
        m.put()
        m.poke(h.blob + 8, "<QQI", 1, following, 511 * MANY)
        areas = [((1 << 45) + i * 2 * PAGE, PAGE) for i in range(4096)]
        if inside:
            size = 511 * MANY // 4096 * PAGE
            areas = [(base + i * size, size) for i in range(4096)]
        m.at = -(-m.at // 65536) * 65536
        scratch = m.put(b"".join(struct.pack("<QQ", *a) for a in areas), 16)
        m.boot_data(h, [])
        for phys, data in list(m.memory.items()):
            if data[16:24] == struct.pack("<Q", h.root) and data[24:32] == struct.pack("<Q", PAGE):
                m.poke(phys + 32, "<QQ", scratch, 65536)
        return m.elf()

    return make


def _array_pages_at_odd_addresses() -> bytes:
    """Entries that are each restored as eighteen blocks."""
    m = Machine(arch="x86_64", gap=0)
    h = m.handover()
    following, order, number = 0, 9, 1 << 20
    for _ in range(MANY):
        entries = [((number + i << order) + 1) * PAGE for i in range(511)]
        number += 511
        following = m.put(struct.pack("<512Q", following, *entries[::-1]))
    m.put()
    m.poke(h.blob + 8, "<QQIHH", 1, following, 511 * MANY << order, 2, order)
    return m.elf()


def _lookalike_roots(n: int, *, damaged: bool = True) -> Callable[[], bytes]:
    """Roots that each name a tracker of their own, all of them sharing the rest of the pages."""

    def make() -> bytes:
        m = Machine(gap=0)
        leaves = [m.put(b"\xff" * PAGE) for _ in range(700)]
        below = leaves
        for _ in range(4):
            below = [m.put(struct.pack("<512Q", *part.ljust(512))) for part in _parts(below)]
        for i in range(n):
            entries = _Padded(below * (1 + i % 2 * damaged)).ljust(512)
            top = m.put(struct.pack("<512Q", *entries))
            m.put(kho.build(kho.VERSIONS["v4"], top, [kho.SubtreeRef("hwpoison", top, 32)]))
        return m.elf()

    return make


def _roots_of_many_nodes() -> bytes:
    """Root FDTs of 64 KiB, each with a thousand memblock subtrees that are one blob."""
    m = Machine(page_size=65536, gap=0)
    many = fdt.Node("", children=[fdt.Node("x" * 3) for _ in range(4000)])
    foreign = m.put(fdt.build(many))
    for _ in range(much(4, 30)):
        at = m.put()
        refs = [kho.SubtreeRef("memblock", foreign, 65536) for _ in range(1000)]
        raw = kho.build(kho.VERSIONS["v4"], at + (1 << 40), refs)
        assert len(raw) < 65536
        m.memory[at] = raw.ljust(65536, b"\0")
    return m.elf()


def _nops() -> bytes:
    """Device trees of NOPs that say they know of a handover."""
    head = struct.pack(">10I", 0xD00DFEED, 2 << 20, 56, (2 << 20) - 64, 40, 17, 16, 0, 64, 0)
    body = struct.pack(">I", 4) * ((2 << 18) - 64)
    tree = bytearray((head + bytes(16) + body).ljust(2 << 20, b"\0"))
    struct.pack_into(">I", tree, 36, (2 << 20) - 64 - 56)
    tree[-64:-50] = b"linux,kho-fdt\0"
    data = bytes(tree)
    image = bytearray(data + data[: (2 << 20) - 65536])
    for at in range(0, len(image), PAGE):
        image[at : at + 8] = data[:8]
        image[at + 8 : at + 40] = data[8:40]
    return elf([(BASE, bytes(image))])


def _nops_in_the_root() -> bytes:
    m = Machine(page_size=65536, gap=0)
    for _ in range(30):
        at = m.put()
        tracker = struct.pack("<Q", at + (1 << 40))
        nodes = fdt.Node(
            "",
            properties=[
                fdt.Property("compatible", b"kho-v4\0", 0),
                fdt.Property("preserved-memory-map", tracker, 0),
            ],
        )
        tree = bytearray(fdt.build(nodes))
        body = tree[56 : struct.unpack_from(">I", tree, 12)[0]]
        strings = tree[struct.unpack_from(">I", tree, 12)[0] :]
        room = (65536 - 56 - len(body) - len(strings)) & -4
        block = bytes(body[:-8]) + struct.pack(">I", 4) * (room // 4) + bytes(body[-8:])
        struct.pack_into(">10I", tree, 0, 0xD00DFEED, 56 + len(block) + len(strings), 56,
            56 + len(block), 40, 17, 16, 0, len(strings), len(block))  # fmt: skip
        m.memory[at] = (bytes(tree[:56]) + block + bytes(strings)).ljust(65536, b"\0")
    return m.elf()


def _escapes() -> bytes:
    """Names of nothing but escape characters."""
    m = Machine(page_size=65536, gap=0)
    for i in range(30):
        at = m.put()
        refs = [kho.SubtreeRef("\x1b[31m" * 12_000, BASE, 32)]
        raw = kho.build(kho.VERSIONS["v4"], (1 << 40) + i * 65536, refs)
        assert len(raw) < 65536
        m.memory[at] = raw.ljust(65536, b"\0")
    return m.elf()


def _long_compatible() -> bytes:
    m = Machine(page_size=65536, gap=0)
    for i in range(30):
        at = m.put()
        text = b"kho-v9\0" + b"\x1b[31m\0" * 10_000
        tracker = struct.pack("<Q", (1 << 40) + i * 65536)
        node = fdt.Node(
            "",
            properties=[
                fdt.Property("compatible", text, 0),
                fdt.Property("preserved-memory-map", tracker, 0),
            ],
        )
        m.memory[at] = fdt.build(node).ljust(65536, b"\0")
    return m.elf()


def _tables_pointing_at_each_other() -> bytes:
    """Two trackers whose tables lead into one another, and a chunk chain through both."""
    m = Machine(gap=0)
    h = m.handover()
    tables = [m.put() for _ in range(1000)]
    for i, at in enumerate(tables):
        m.poke(at, "<512Q", *(tables[(i + k + 1) % 1000] for k in range(512)))
    m.swap(h.root, struct.pack("<Q", h.tracker), struct.pack("<Q", tables[0]))
    m.poke(h.blob + 16, "<Q", tables[0])
    return m.elf()


def _boot_params_everywhere() -> bytes:
    """A million places that look like boot_params, all of which lead into a long setup_data."""
    m = Machine(arch="x86_64", gap=0)
    h = m.handover()
    following = 0
    for _ in range(64):
        following = m.put(struct.pack("<QII", following, 1, 0))
    # boot_params.hdr.setup_data stands 78 bytes behind HdrS: with 24 bytes a unit, 6 into one.
    unit = b"HdrS\0\0" + struct.pack("<Q", following) + bytes(10)
    m.put(unit * (1 << 17), 768)
    assert h.root
    return m.elf()


def _bitmap_chunks() -> bytes:
    """kho-v1 chunks whose elements name bitmaps that are not there, 255 each."""
    m = Machine(gap=0)
    h = m.handover(kho=1)
    following, at = 0, 1 << 40
    for n in range(much(120, 900)):
        elements = [
            ((n * 255 + i) * PAGE * 8 * PAGE & (1 << 52) - 1, at + i * PAGE) for i in range(255)
        ]
        at += 255 * PAGE
        chunk = bitmap.Chunk(following, 0, tuple(elements), 255)
        following = m.put(chunk.build(PAGE))
    m.swap(h.root, struct.pack("<Q", h.tracker), struct.pack("<Q", following))
    return m.elf()


def _long_chain() -> bytes:
    """A thousand chunks, each in turn the array page of the one before."""
    m = Machine(gap=0)
    h = m.handover()
    pages = [m.put() for _ in range(1000)]
    for i, at in enumerate(pages):
        following = pages[i + 1] if i + 1 < len(pages) else 0
        m.memory[at] = vmalloc.Chunk(following, vmalloc.split(pages, PAGE)[0]).build(PAGE)
    m.poke(h.blob + 8, "<QQI", 1 << 20, pages[0], 1 << 20)
    return m.elf()


def _device_trees() -> bytes:
    """The same device tree of 170 000 nodes at nine places, from two megabytes."""
    m = Machine(gap=0)
    m.handover()
    tree = fdt.Node("", properties=[fdt.Property("linux,kho-fdt", b"", 0)])
    tree.children = [fdt.Node("a")]
    data = bytearray(fdt.build(tree))
    node = struct.pack(">I4sI", 1, b"a", 2)
    nodes = node * 170_000  # fdt.build() would take a second for them
    at, more = data.index(node), len(nodes) - len(node)
    for field in (4, 12, 36):  # total size, offset of the strings, size of the structure
        (value,) = struct.unpack_from(">I", data, field)
        struct.pack_into(">I", data, field, value + more)
    data = (data[:at] + nodes + data[at + len(node) :]).ljust(2 << 20, b"\0")
    places = [(0, (BASE << 2) + i * len(data)) for i in range(8)]
    return _shown_again(m, bytes(data), places, len(data))


def _shown_again(m: Machine, data: bytes, places: list[tuple[int, int]], size: int) -> bytes:
    """Memory and ``data``, and ``size`` bytes of it again at each ``(offset, phys)``."""
    image = bytearray(elf([*m.memory.items(), (BASE << 1, data)]))
    at = image.index(data[:64])
    load = [
        struct.pack("<IIQQQQQQ", 1, 7, at + offset, 0, phys, size, size, 0)
        for offset, phys in places
    ]
    phoff, count = struct.unpack_from("<Q", image, 32)[0], len(m.memory) + 2
    table = bytes(image[phoff : phoff + 56 * count])
    struct.pack_into("<Q", image, 32, len(image))
    struct.pack_into("<H", image, 56, count + len(load))
    return bytes(image) + table + b"".join(load)


def _sliding(prepare: Callable[[Machine, int], object], stride: int, odd: int) -> bytes:
    """Pages that lie a few bytes apart in the file, each naming the page after it first.

    ``prepare`` makes the structure at an address begin with them; ``odd`` is every second word
    where ``stride`` is two words.
    """
    n, start = much(8000, 58_000), 0x2_0000_0000
    m = Machine(gap=0)
    prepare(m, start)
    words = [start + (i + 1) * PAGE for i in range(n)]
    data = struct.pack(f"<{2 * n}Q", *(w for word in words for w in (word, odd)))
    if stride == 8:
        data = struct.pack(f"<{n}Q", *words)
    data = data.ljust(len(data) + PAGE, b"\0")
    places = [(i * stride, start + i * PAGE) for i in range(n)]
    return _shown_again(m, data, places, PAGE)


def _sliding_chunks() -> bytes:
    """Chunks that overlap in the file, each with a page of entries."""

    def prepare(m: Machine, start: int) -> None:
        m.poke(m.handover().blob + 8, "<QQI", 1 << 20, start, 0xFFFFFFFF)

    return _sliding(prepare, 8, 0)


def _sliding_bitmap_chunks() -> bytes:
    """kho-v1 chunks that overlap in the file, each with a page of elements."""

    def prepare(m: Machine, start: int) -> None:
        h = m.handover(kho=1)
        m.swap(h.root, struct.pack("<Q", h.tracker), struct.pack("<Q", start))

    return _sliding(prepare, 16, 255 << 32)


_64K = ("--page-size", "65536")

#: Name → how to make it, and further arguments.
CASES: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "radix nodes share a child": (_shared_child, ("--page-size", "4096")),
    "chunks that overlap in the file": (_sliding_chunks, ("--page-size", "4096")),
    "bitmap chunks that overlap in the file": (_sliding_bitmap_chunks, ("--page-size", "4096")),
    "device trees of many nodes": (_device_trees, ()),
    "radix tables of absent pages": (_tables_all_absent, ()),
    "segments over the same bytes": (_segments_over_the_same_bytes, ()),
    "magics behind overlapping segments": (_few_segments_with_many_magics, ()),
    "segments of a few bytes": (_segments_of_a_few_bytes, ()),
    "one array page many times": (_one_array_page_many_times, ()),
    "many array pages, 4096 scratch areas": (_many_array_pages(), ()),
    "many array pages in scratch": (_many_array_pages(inside=True), ()),
    "array entries at odd addresses": (_array_pages_at_odd_addresses, ()),
    "30 roots with big trackers": (_lookalike_roots(30), ()),
    "30 roots whose trackers are whole": (_lookalike_roots(30, damaged=False), ()),
    "100 roots with big trackers": (_lookalike_roots(100), ()),
    "roots of a thousand nodes": (_roots_of_many_nodes, _64K),
    "device trees of NOPs": (_nops, ()),
    "root FDTs of NOPs": (_nops_in_the_root, _64K),
    "names of escapes": (_escapes, _64K),
    "long compatibles": (_long_compatible, _64K),
    "tables pointing at each other": (_tables_pointing_at_each_other, ()),
    "boot_params everywhere": (_boot_params_everywhere, ()),
    "bitmap chunks of absent pages": (_bitmap_chunks, ()),
    "chunks that are array pages": (_long_chain, ()),
}
