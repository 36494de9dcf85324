"""Handovers with one thing wrong each, and what a kernel made of them.

A damage is a function that changes a sound scene. Group "kernel": the kernel's own code judges it
(kho_populate(), the tracker walk, kho_restore_vmalloc()). Group "consumer": the consumer of the
list judges it; where that is our module, a result is a regression test and no evidence.
"""

from __future__ import annotations

import json
import struct
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import handing
import lists
from handovers import Machine, Made

from hwpkho.codecs import fdt, root, tracker_radix, vmalloc
from hwpkho.codecs.metadata import build_scratch
from hwpkho.encode import devicetree
from hwpkho.sources.raw import write_segments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import rig

Group = Literal["kernel", "consumer"]
#: Nothing of the guests' RAM, and nothing of their devices, is there.
NOWHERE = 0x8_0000_0000
#: RAM that nobody has marked preserved.
LOOSE = 0x6300_0000
_COUNT = 20


@dataclass
class Scene:
    """A handover, and how it is handed over.

    Attributes:
        machine: Its memory.
        made: Where its parts are.
        pfns: What the list says.
        areas: Scratch.
        array: Address and length of the scratch array, bytes.
        tree: The root FDT as a tree; :meth:`write_root` puts it back.
    """

    machine: Machine
    made: Made
    pfns: list[int]
    areas: list[tuple[int, int]]
    array: tuple[int, int]
    tree: fdt.Node

    @property
    def page(self) -> int:
        """Page size, bytes."""
        return self.machine.page_size

    def write_root(self) -> None:
        """Write the tree over the root FDT's page."""
        self.machine.memory[self.made.root] = fdt.build(self.tree).ljust(self.page, b"\0")

    def property(self, name: str, value: bytes | None, node: str | None = None) -> None:
        """Set a property of the root FDT, or take it away."""
        where = self.tree if node is None else self.tree.find(node)
        assert where is not None
        before = len(where.properties)
        where.properties = [p for p in where.properties if p.name != name]
        assert len(where.properties) == before - 1
        if value is not None:
            where.properties.insert(0, fdt.Property(name, value, 0))
        self.write_root()

    def header(self, offset: int, layout: str, *values: int) -> None:
        """Overwrite a field of the struct revision's blob."""
        self.machine.poke(self.made.blob + offset, layout, *values)

    def chunk(self, slot: int, value: int, chunk: int = 0) -> None:
        """Overwrite a slot of a chunk; slot -1 is ``next``."""
        self.machine.poke(self.made.chunks[chunk] + 8 * (slot + 1), "<Q", value)

    def mark(self, blocks: list[tuple[int, int]]) -> None:
        """Give the handover another tracker, that marks just these."""
        tracker, nodes = self.machine.tracker(blocks, 4)
        self.machine.memory.update(nodes)
        self.made.tracker, self.made.nodes = tracker, list(nodes)
        self.property("preserved-memory-map", struct.pack("<Q", tracker))

    def without(self, *pages: int) -> None:
        """Leave pages unmarked."""
        self.mark([b for b in self.made.blocks if b[0] not in pages])

    def leaf_of(self, phys: int, order: int = 0) -> tuple[int, int]:
        """Return the address of the lowest node of a block's key, and of the entry above it."""
        shape = tracker_radix.geometry(self.page, 4)
        key = tracker_radix.encode_key(phys, order, shape.shift)
        node, entry = self.made.tracker, 0
        for level in range(shape.levels - 1, 0, -1):
            entry = node + 8 * shape.slot(key, level)
            held = self.machine.memory[node]
            (node,) = struct.unpack_from("<Q", held, entry - node)
        return node, entry


@dataclass(frozen=True)
class Damage:
    """One way of breaking a handover.

    Attributes:
        name: For the test.
        group: Who judges it.
        change: What breaks it.
        options: Of :meth:`handovers.Machine.handover`.
        sizes: Page sizes it is tried with.
        differs: Why ``validate`` is known to say otherwise; empty where it agrees.
    """

    name: str
    group: Group
    change: Callable[[Scene], object]
    options: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = (4096, 65536)
    differs: str = ""


DAMAGES: list[Damage] = []


def damage(
    name: str,
    group: Group = "kernel",
    *,
    sizes: tuple[int, ...] = (4096, 65536),
    differs: str = "",
    **options: Any,
) -> Callable[[Callable[[Scene], object]], Callable[[Scene], object]]:
    """Register the function as a damage."""

    def add(change: Callable[[Scene], object]) -> Callable[[Scene], object]:
        DAMAGES.append(Damage(name, group, change, options, sizes, differs))
        return change

    return add


def scene(kernel: rig.Kernel, options: dict[str, Any]) -> Scene:
    """Return a sound handover of three array pages for a kernel."""
    where = handing.ground(kernel, _COUNT)
    options = dict(options)
    pfns = options.pop("pfns", None)
    if pfns is None:
        pfns = lists.scattered(_COUNT, *where.bad, kernel.page_size)
    machine = Machine(kernel.page_size, at=where.place[0])
    options.setdefault("capacity", 3 * kernel.page_size // 8)
    made = machine.handover(pfns, **options)
    areas = [where.scratch]
    array = machine.put(build_scratch(areas))
    tree = root.parse(machine.memory[made.root]).tree.root
    return Scene(machine, made, list(pfns), areas, (array, 16 * len(areas)), tree)


def save(scene: Scene, folder: Path, base_dtb: Path) -> None:
    """Write the segments, what a boot loader passes on, and the device tree that does."""
    folder.mkdir(parents=True)
    handed = (scene.made.root, scene.page)
    tree = devicetree.edit(base_dtb.read_bytes(), "base.dtb", handed, scene.array)
    (folder / "handover.dtb").write_bytes(tree)
    (folder / "handover.json").write_text(
        json.dumps({"kho_fdt": handed, "kho_scratch": scene.array, "page_size": scene.page})
    )
    write_segments(folder, [(phys, [data]) for phys, data in sorted(scene.machine.memory.items())])


def outcome(run: rig.Run, scene: Scene) -> str:
    """Return what the kernel did, in the words of ``hwpkho.validate/1``."""
    said = run.said()
    if run.crashed:
        return "crash"
    if not run.found:
        return "refused"
    if "no subtree: -2" in said and scene.tree.find("hwpoison") is None:
        return "absent"
    if any(x.startswith(("refused:", "no subtree:")) for x in said):
        return "dropped"
    return "replay" if run.restored is not None else "unknown"


# --- Root FDT ------------------------------------------------------------------------------------


@damage("sound")
def _(s: Scene) -> None:
    del s


@damage("root-magic")
def _(s: Scene) -> None:
    s.machine.poke(s.made.root, ">I", 0xD00DFEEE)


@damage(
    "root-version-15",
    differs="libfdt takes the header and then finds no node in it: dropped, where validate refuses",
)
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 20, ">II", 15, 15)


@damage("root-version-16", sizes=(4096,))
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 20, ">II", 16, 16)


@damage("root-version-18")
def _(s: Scene) -> None:
    s.machine.poke(s.made.root + 20, ">II", 18, 18)


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


def _adjacent(s: Scene) -> int:
    """Move the array to three pages that touch, the first at an even place."""
    start = s.machine.put(pages=4)
    for i, page in enumerate(s.made.pages):
        s.machine.write(start + i * s.page, s.machine.memory.pop(page))
        s.chunk(i, start + i * s.page)
    s.made.blocks = [b for b in s.made.blocks if b[0] not in s.made.pages]
    s.made.pages = [start + i * s.page for i in range(3)]
    return start


@damage("blocks-adjacent")
def _(s: Scene) -> None:
    _adjacent(s)
    s.mark([*s.made.blocks, *((page, 0) for page in s.made.pages)])


@damage("blocks-merged")
def _(s: Scene) -> None:
    start = _adjacent(s)
    s.mark([*s.made.blocks, (start, 1), (start + 2 * s.page, 0)])


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
    shape = tracker_radix.geometry(s.page, 4)
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
    start = _adjacent(s)
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


@damage("order-65535")
def _(s: Scene) -> None:
    s.header(30, "<H", 65535)


@damage("chunk-hole")
def _(s: Scene) -> None:
    s.chunk(1, 0)


@damage("next-to-itself")
def _(s: Scene) -> None:
    s.chunk(-1, s.made.chunks[0])


@damage("next-outside-ram")
def _(s: Scene) -> None:
    s.chunk(-1, NOWHERE)


@damage("next-to-unmarked-page")
def _(s: Scene) -> None:
    s.chunk(-1, s.machine.put())


@damage("extra-empty-chunk")
def _(s: Scene) -> None:
    extra = s.machine.put(vmalloc.Chunk(0, array("Q")).build(s.page))
    s.chunk(-1, extra)
    s.mark([*s.made.blocks, (extra, 0)])


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


@damage("fdt-size-ignored", "consumer", sizes=(4096,), revision="fdt-v1")
def _(s: Scene) -> None:
    s.property("blob-size", struct.pack("<Q", 8), "hwpoison")
