"""Damages of what leads to the list: root FDT, scratch, tracker."""

from __future__ import annotations

import struct

from hwpkho.abi.tracker import radix
from tests.kernel import handing
from tests.kernel.damage import LOOSE, NOWHERE, Scene, adjacent, damage
from tests.support.handovers import Machine

# --- Root FDT ------------------------------------------------------------------------------------


@damage("sound")
def _(s: Scene) -> None:
    del s


@damage("root-magic")
def _(s: Scene) -> None:
    s.machine.poke(s.made.root, ">I", 0xD00DFEEE)


@damage("root-version-15")
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 20, ">II", 15, 15)


@damage("root-version-16", sizes=(4096,))
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 20, ">II", 16, 16)


@damage("root-version-18")
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 20, ">II", 18, 18)


@damage("root-begins-with-nop", sizes=(4096,))
def _(s: Scene) -> None:
    (start,) = struct.unpack_from(">I", s.machine.memory[s.made.root], 8)
    s.machine.poke(s.made.root + start, ">I", 4)


@damage("root-size-0", sizes=(4096,))
def _(s: Scene) -> None:
    s.root_size = 0


@damage("root-struct-outside", sizes=(4096,))
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 8, ">I", 0x7FFF_FFF0)


@damage("root-compatible-v3")
def _(s: Scene) -> None:
    s.property("compatible", b"kho-v3\0")


@damage("root-compatible-list")
def _(s: Scene) -> None:
    s.property("compatible", b"kho-v3\0kho-v4\0")


@damage("root-compatible-missing", sizes=(4096,))
def _(s: Scene) -> None:
    s.property("compatible", None)


@damage("map-missing")
def _(s: Scene) -> None:
    s.property("preserved-memory-map", None)


@damage("map-zero")
def _(s: Scene) -> None:
    s.property("preserved-memory-map", bytes(8))


@damage("map-4-bytes", sizes=(4096,))
def _(s: Scene) -> None:
    s.property("preserved-memory-map", struct.pack("<I", s.made.tracker))


@damage("map-big-endian")
def _(s: Scene) -> None:
    s.property("preserved-memory-map", struct.pack(">Q", s.made.tracker))


@damage("map-outside-ram")
def _(s: Scene) -> None:
    s.property("preserved-memory-map", struct.pack("<Q", NOWHERE))


@damage("node-missing")
def _(s: Scene) -> None:
    s.tree.children = [c for c in s.tree.children if c.name != "hwpoison"]
    s.write_root()


@damage("node-with-unit-address", sizes=(4096,))
def _(s: Scene) -> None:
    node = s.tree.find("hwpoison")
    assert node
    node.name = "hwpoison@0"
    s.write_root()


@damage("metadata-missing", sizes=(4096,))
def _(s: Scene) -> None:
    s.tree.children = [c for c in s.tree.children if c.name != "kexec-metadata"]
    s.write_root()


@damage("metadata-outside-ram", sizes=(4096, 16384))
def _(s: Scene) -> None:
    s.property("preserved-data", struct.pack("<Q", NOWHERE), "kexec-metadata")


@damage("data-across-two-pages", sizes=(4096,))
def _(s: Scene) -> None:
    held = s.machine.memory[s.made.blob][:32]
    s.machine.memory[s.made.blob] = held.rjust(s.page + 16, b"\0")
    s.property("preserved-data", struct.pack("<Q", s.made.blob + s.page - 16), "hwpoison")


@damage("data-missing")
def _(s: Scene) -> None:
    s.property("preserved-data", None, "hwpoison")


@damage("data-4-bytes", sizes=(4096,))
def _(s: Scene) -> None:
    s.property("preserved-data", struct.pack("<I", s.made.blob), "hwpoison")


@damage("data-outside-ram")
def _(s: Scene) -> None:
    s.property("preserved-data", struct.pack("<Q", NOWHERE), "hwpoison")


@damage("size-missing")
def _(s: Scene) -> None:
    s.property("blob-size", None, "hwpoison")


@damage("size-4-bytes", sizes=(4096,))
def _(s: Scene) -> None:
    s.property("blob-size", struct.pack("<I", 32), "hwpoison")


# --- Scratch -------------------------------------------------------------------------------------


@damage("scratch-length-0")
def _(s: Scene) -> None:
    s.array = (s.array[0], 0)


@damage("scratch-length-8")
def _(s: Scene) -> None:
    s.array = (s.array[0], 8)


@damage("scratch-length-24", sizes=(4096,))
def _(s: Scene) -> None:
    s.array = (s.array[0], 24)


@damage("scratch-outside-ram")
def _(s: Scene) -> None:
    s.machine.poke(s.array[0], "<QQ", NOWHERE, s.areas[0][1])


@damage("scratch-two-areas", sizes=(4096,))
def _(s: Scene) -> None:
    start, size = s.areas[0]
    s.machine.poke(s.array[0], "<QQQQ", start, size // 2, start + size // 2, size // 2)
    s.array = (s.array[0], 32)


@damage("scratch-length-too-long", sizes=(65536,))
def _(s: Scene) -> None:
    s.array = (s.array[0], 512 << 10)


@damage("scratch-ends-inside-a-page", sizes=(4096, 16384))
def _(s: Scene) -> None:
    start, size = s.areas[0]
    s.scratch((start, size - 0x800))


@damage("scratch-holds-no-page-structs", sizes=(16384,))
def _(s: Scene) -> None:
    s.scratch((s.areas[0][0], 4800 << 10))


@damage("scratch-over-the-handover", sizes=(4096, 16384))
def _(s: Scene) -> None:
    s.scratch((s.made.root, 64 << 20))


# --- Tracker -------------------------------------------------------------------------------------


@damage("tracker-empty")
def _(s: Scene) -> None:
    s.mark([])


@damage("array-page-unmarked")
def _(s: Scene) -> None:
    s.without(s.made.pages[1])


@damage("chunk-unmarked")
def _(s: Scene) -> None:
    s.without(s.made.chunks[0])


@damage("tracker-pages-marked", sizes=(4096,))
def _(s: Scene) -> None:
    s.mark([*s.made.blocks, *((node, 0) for node in s.made.nodes)])


@damage("another-block-marked", sizes=(4096,))
def _(s: Scene) -> None:
    s.mark([*s.made.blocks, (LOOSE, 4)])


@damage("block-outside-ram")
def _(s: Scene) -> None:
    s.mark([*s.made.blocks, (NOWHERE, 0)])


@damage("block-larger")
def _(s: Scene) -> None:
    page = s.made.pages[0]
    order = 1 if page % (2 * s.page) == 0 else 0
    s.mark([(p, order if p == page else o) for p, o in s.made.blocks])


@damage("blocks-adjacent")
def _(s: Scene) -> None:
    adjacent(s)
    s.mark([*s.made.blocks, *((page, 0) for page in s.made.pages)])


@damage("blocks-merged")
def _(s: Scene) -> None:
    start = adjacent(s)
    s.mark([*s.made.blocks, (start, 1), (start + 2 * s.page, 0)])


@damage("all-ram-marked", sizes=(4096,))
def _(s: Scene) -> None:
    s.mark([*s.made.blocks, (handing.RAM, 18)])


@damage("node-reached-twice", sizes=(4096,))
def _(s: Scene) -> None:
    leaf, entry = s.leaf_of(s.made.blob)
    s.machine.poke(entry + 8, "<Q", leaf)


@damage("node-outside-ram")
def _(s: Scene) -> None:
    _, entry = s.leaf_of(s.made.blob)
    s.machine.poke(entry, "<Q", NOWHERE)


@damage("nodes-big-endian")
def _(s: Scene) -> None:
    for node in s.made.nodes:
        words = struct.unpack(f"<{s.page // 8}Q", s.machine.memory[node])
        s.machine.memory[node] = struct.pack(f">{s.page // 8}Q", *words)


@damage("order-bit-misplaced")
def _(s: Scene) -> None:
    shape = radix.geometry(s.page)
    top = s.made.tracker
    held = s.machine.memory[top]
    index = next(i for i in range(s.page // 8) if any(held[8 * i : 8 * i + 8]))
    (child,) = struct.unpack_from("<Q", held, 8 * index)
    other = max(1, index * 2) if index * 2 < s.page // 8 else index // 2
    s.machine.poke(top + 8 * index, "<Q", 0)
    s.machine.poke(top + 8 * other, "<Q", child)
    assert shape.levels > 1
    assert other != index


@damage("tracker-of-other-page-size")
def _(s: Scene) -> None:
    other = Machine(65536 if s.page == 4096 else 4096, at=0x6200_0000)
    tracker, nodes = other.tracker(s.made.blocks, 4)
    # One piece, as RAM is: whichever page size reads it finds all of a page.
    whole = bytearray((max(nodes) | 0xF_FFFF) + 1 - tracker)
    for phys, data in nodes.items():
        whole[phys - tracker : phys - tracker + len(data)] = data
    s.machine.memory[tracker] = bytes(whole)
    s.property("preserved-memory-map", struct.pack("<Q", tracker))
