"""For each code that decode can report: an input that provokes it, small and constructed.

Codes that validate alone reports are provoked in provoking.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hwpkho.abi import fdt, kho, vmalloc
from hwpkho.codes import blob, image, tracker
from hwpkho.codes import root as root_codes
from hwpkho.images.kdump.decompress import ZLIB
from hwpkho.inputs.case import CaseOptions
from tests.support import captures, certain, kdump_writer
from tests.support.handovers import Machine, elf

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.codes import Code
    from tests.support.handovers import Blocks, Made

PAGE = 4096
Inputs = tuple[list[str], CaseOptions]
Make = Callable[["Path"], Inputs]
CASES: dict[str, Make] = {}


def provokes(code: Code) -> Callable[[Make], Make]:
    """Register a function that makes an input which shows ``code``."""

    def register(make: Make) -> Make:
        CASES[code.id] = make
        return make

    return register


def _saved(folder: Path, m: Machine, **options: Any) -> Inputs:
    return [str(m.save(folder))], CaseOptions(**options)


def _rebuilt_root(m: Machine, h: Made, change: Callable[[fdt.Node], object]) -> None:
    """Write the root FDT again from its changed tree."""
    tree = kho.parse(m.memory[h.root]).tree
    change(tree.root)
    m.memory[h.root] = fdt.build(tree.root).ljust(m.page_size, b"\0")


def _blob_size_of(size: int) -> Callable[[fdt.Node], None]:
    """The first of two properties of a name counts."""
    prop = fdt.Property("blob-size", struct.pack("<Q", size), 0)

    def change(root: fdt.Node) -> None:
        certain(root.find("hwpoison")).properties.insert(0, prop)

    return change


@provokes(image.TRUNCATED)
def _truncated(folder: Path) -> Inputs:
    m = Machine()
    m.handover()
    m.put(b"last")
    path = m.save(folder)
    path.write_bytes(path.read_bytes()[:-100])
    return [str(path)], CaseOptions()


@provokes(image.CUT_ROOT)
@provokes(image.NO_MEMORY)
@provokes(blob.LIST_UNREACHED)
@provokes(tracker.SCRATCH_UNKNOWN)
def _debugfs(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    whole = m.memory[h.root]
    sub = folder / "kho" / "out" / "sub_fdts"
    sub.mkdir(parents=True)
    (sub.parent / "fdt").write_bytes(whole[: certain(fdt.totalsize(whole)) - 20])
    (sub / "hwpoison").write_bytes(m.memory[h.blob][:32])
    return [str(folder / "kho")], CaseOptions()


@provokes(image.STALE_ROOT)
def _copy_of_the_root(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.put(m.memory[h.root])
    return _saved(folder, m)


@provokes(image.NO_HANDOVER)
def _no_subtree(folder: Path) -> Inputs:
    m = Machine()
    m.handover(None)
    return _saved(folder, m)


@provokes(image.UNREADABLE_FILE)
def _empty_file(folder: Path) -> Inputs:
    inputs, options = _debugfs(folder)
    (folder / "kho" / "out" / "sub_fdts" / "memblock").write_bytes(b"")
    return inputs, options


@provokes(image.PAGE_DAMAGED)
def _damaged_page(folder: Path) -> Inputs:
    m = Machine(at=0x10_0000)
    m.handover()
    spare = m.put(b"\1" * PAGE)
    pages = {phys // PAGE: data for phys, data in m.memory.items()}
    bad = {spare // PAGE: (PAGE, 100, ZLIB)}  # not where its data is
    path = folder / "memory.kdump"
    path.write_bytes(kdump_writer.kdump(pages, descriptors=bad))
    return [str(path)], CaseOptions()


@provokes(root_codes.ROOT_ABSENT)
def _absent_root(folder: Path) -> Inputs:
    m = Machine()
    m.handover()
    return _saved(folder, m, page_size=PAGE, root_fdt=1 << 40)


@provokes(root_codes.DAMAGED)
def _damaged_root(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    end = m.memory[h.root].index(struct.pack(">III", 2, 2, 9))
    m.poke(h.root + end + 8, ">I", 0xBAD)
    return _saved(folder, m)


@provokes(root_codes.VERSION)
def _other_version(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.swap(h.root, b"kho-v4\0", b"kho-v9\0")
    return _saved(folder, m, page_size=PAGE)


@provokes(root_codes.NO_MAP)
def _no_tracker(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.swap(h.root, struct.pack("<Q", h.tracker), bytes(8))
    return _saved(folder, m, page_size=PAGE)


@provokes(root_codes.BROKEN_SUBTREE)
def _broken_subtree(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    _rebuilt_root(m, h, lambda n: certain(n.find("hwpoison")).properties.pop(0))
    return _saved(folder, m)


@provokes(root_codes.SUBTREE_NOWHERE)
def _nowhere(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.swap(h.root, struct.pack("<Q", h.blob), struct.pack("<Q", 0x0000_7780_0000_0000))
    return _saved(folder, m)


@provokes(root_codes.SUBTREE_ABSENT)
def _absent_subtree(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover(subtrees=[("other", b"data")])
    del m.memory[certain(h.subtrees[1].phys)]
    return _saved(folder, m)


@provokes(root_codes.DUPLICATE_NODE)
def _two_of_a_name(folder: Path) -> Inputs:
    m = Machine()
    m.handover(subtrees=[("other", b"one"), ("other@1", b"two")])
    return _saved(folder, m)


@provokes(root_codes.METADATA)
def _bad_metadata(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.metadata, "<I", 2)
    return _saved(folder, m)


@provokes(root_codes.ODD_PROPERTY)
def _reservations(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    tree = kho.parse(m.memory[h.root]).tree
    m.memory[h.root] = fdt.build(tree.root, reserve=[(PAGE, PAGE)]).ljust(PAGE, b"\0")
    return _saved(folder, m)


@provokes(image.COPY_OLDER)
def _copied_before_luo_was_serialized(folder: Path) -> Inputs:
    path = folder / "memory.elf"
    path.write_bytes(captures.elf("luo-huge"))
    return [str(path), str(captures.CAPTURES / "luo-huge" / "debugfs-kho")], CaseOptions()


@provokes(root_codes.DESTROYED)
def _only_the_copy_is_good(folder: Path) -> Inputs:
    name = "x86-structv1-small"
    pages = dict(captures.pages(name))
    pages[captures.truth(name)["handovers"][0]["root_phys"]] = bytes(4096)
    path = folder / "memory.elf"
    path.write_bytes(elf(sorted(pages.items()), "x86_64"))
    return [str(path), str(captures.CAPTURES / name / "debugfs-kho")], CaseOptions()


@provokes(root_codes.DOUBTFUL)
def _setup_data_names_no_root(folder: Path) -> Inputs:
    m = Machine(arch="x86_64")
    gone = m.handover(kexec_count=2)
    m.handover(kexec_count=1)
    m.boot_data(gone, [(1 << 32, 1 << 24)])
    m.memory[gone.root] = bytes(4096)
    return _saved(folder, m)


@provokes(root_codes.OUTGOING_MISSING)
def _own_root_missing(folder: Path) -> Inputs:
    path = folder / "memory.elf"
    path.write_bytes(captures.elf("luo-small-in-late"))
    return [str(path)], CaseOptions()


@provokes(root_codes.NOT_PUBLISHED)
def _taken_and_not_given_on(folder: Path) -> Inputs:
    m = Machine(arch="x86_64")
    old = m.handover(kexec_count=1)
    m.handover(None, kexec_count=2)
    for phys in (*old.nodes, *old.chunks):
        m.memory[phys] = bytes(4096)
    return _saved(folder, m)


@provokes(root_codes.GENERATIONS)
def _unordered(folder: Path) -> Inputs:
    m = Machine()
    m.handover(kexec_count=None)
    m.handover(kexec_count=None)
    return _saved(folder, m)


@provokes(blob.COUNT_BEYOND)
def _count_beyond(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 8, "<Q", 513)
    return _saved(folder, m)


@provokes(blob.BLOB_VERSION)
def _blob_version(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob, "<I", 2)
    return _saved(folder, m)


@provokes(blob.BLOB_SHORT)
def _blob_short(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    _rebuilt_root(m, h, _blob_size_of(31))
    return _saved(folder, m)


@provokes(blob.BLOB_DAMAGED)
def _blob_damaged(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover(revision="fdt-v1")
    m.swap(h.blob, b"count\0", b"mount\0")
    return _saved(folder, m)


@provokes(blob.PAD)
def _pad(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 4, "<I", 7)
    return _saved(folder, m)


@provokes(blob.FLAGS)
def _flags(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 28, "<H", 0x10)
    return _saved(folder, m)


@provokes(blob.ORDER)
def _order(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 30, "<H", 11)
    return _saved(folder, m)


@provokes(blob.FIRST_ZERO)
def _first_zero(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 16, "<Q", 0)
    return _saved(folder, m)


@provokes(blob.CHAIN_CYCLE)
def _cycle(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.chunks[0], "<Q", h.chunks[0])
    return _saved(folder, m)


@provokes(blob.CHUNK_NOWHERE)
def _chunk_unaligned(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 16, "<Q", h.chunks[0] + 8)
    return _saved(folder, m)


@provokes(blob.CHUNK_ABSENT)
def _chunk_absent(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    del m.memory[h.chunks[0]]
    return _saved(folder, m)


@provokes(blob.TOTAL_PAGES)
def _total_pages(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 24, "<I", 2)
    return _saved(folder, m)


@provokes(blob.HOLE)
def _hole(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.chunks[0] + 24, "<Q", h.pages[0])
    return _saved(folder, m)


@provokes(blob.PAGE_TWICE)
def _page_twice(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover(capacity=1024)
    m.poke(h.chunks[0] + 16, "<Q", h.pages[0])
    return _saved(folder, m)


@provokes(blob.ARRAY_ABSENT)
def _array_absent(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    del m.memory[h.pages[0]]
    return _saved(folder, m)


@provokes(blob.ARRAY_UNALIGNED)
def _array_unaligned(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.chunks[0] + 8, "<Q", h.pages[0] + 8)
    return _saved(folder, m)


@provokes(blob.EXTRA_CHUNK)
def _extra_chunk(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.chunks[0], "<Q", m.put(vmalloc.Chunk(0, vmalloc.split([], PAGE)[0]).build(PAGE)))
    return _saved(folder, m)


@provokes(blob.EMPTY)
def _empty(folder: Path) -> Inputs:
    m = Machine()
    m.handover([])
    return _saved(folder, m)


@provokes(blob.CONSUMED)
def _consumed(folder: Path) -> Inputs:
    m = Machine()
    m.handover(kexec_count=1)
    m.handover(kexec_count=2)
    return _saved(folder, m)


@provokes(blob.BLOB_SIZE)
def _blob_size(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    _rebuilt_root(m, h, _blob_size_of(64))
    return _saved(folder, m)


def _zeroed_tracker(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    for node in h.nodes:
        m.memory[node] = bytes(PAGE)
    return _saved(folder, m, page_size=PAGE)


provokes(tracker.GONE)(_zeroed_tracker)
provokes(tracker.TRACKER_LOST)(_zeroed_tracker)


@provokes(tracker.DAMAGED)
def _damaged_tracker(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    m.poke(h.tracker + 8 * 511, "<Q", 0x1001)
    return _saved(folder, m, page_size=PAGE)


@provokes(tracker.UNMARKED)
def _unmarked(folder: Path) -> Inputs:
    m = Machine()
    m.handover(mark=lambda blocks: blocks[:-1])
    return _saved(folder, m)


@provokes(tracker.MERGED)
def _merged(folder: Path) -> Inputs:
    m = Machine(gap=0)

    def merge(blocks: Blocks) -> Blocks:
        return [*blocks[:-1], (blocks[-1][0] & ~0xFFFF, 4)]

    m.put(pages=3)
    h = m.handover(mark=merge)
    assert h.pages[-1] % 0x10000
    return _saved(folder, m)


@provokes(tracker.NODE_ABSENT)
def _tracker_absent(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    del m.memory[h.nodes[-1]]
    return _saved(folder, m, page_size=PAGE)


@provokes(tracker.BLOCK_ORDER)
def _block_order(folder: Path) -> Inputs:
    m = Machine()
    m.handover(order=1, mark=lambda blocks: [(phys, 0) for phys, _ in blocks])
    return _saved(folder, m)


@provokes(tracker.UNLISTED)
def _unlisted(folder: Path) -> Inputs:
    m = Machine(page_size=16384)
    m.handover(kho=2)
    return _saved(folder, m)


@provokes(tracker.SCRATCH_BAD)
def _scratch_bad(folder: Path) -> Inputs:
    m = Machine(arch="x86_64")
    m.boot_data(m.handover(), [(1 << 63, (1 << 63) + 4096)])
    return _saved(folder, m)


@provokes(tracker.SCRATCH_OVERLAP)
def _scratch_overlap(folder: Path) -> Inputs:
    m = Machine(arch="x86_64")
    m.boot_data(m.handover(), [(m.at - (1 << 20), 1 << 20)])
    return _saved(folder, m)


@provokes(tracker.SCRATCH_ABSENT)
def _scratch_absent(folder: Path) -> Inputs:
    m = Machine(arch="x86_64")
    del m.memory[m.boot_data(m.handover(), [(1 << 32, 1 << 24)])]
    return _saved(folder, m)


@provokes(tracker.SCRATCH_TRAILING)
def _scratch_trailing(folder: Path) -> Inputs:
    m = Machine(arch="x86_64")
    m.boot_data(m.handover(), [(1 << 32, 1 << 24)], length=17)
    return _saved(folder, m)


@provokes(root_codes.POSTED_FORM)
def _composite(folder: Path) -> Inputs:
    m = Machine()
    h = m.handover()
    _rebuilt_root(m, h, lambda root: _compatible(root, b"kho-v4;radix-v1;vmalloc-v1\0"))
    return _saved(folder, m)


def _compatible(root: fdt.Node, value: bytes) -> None:
    root.properties[0] = fdt.Property("compatible", value, 0)
