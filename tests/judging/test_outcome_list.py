"""Blobs, chunks and arrays that no producer writes, and what real arm64 kernels (7.3.4) did.

Found by a fuzzer against the kernels of tests/kernel; the cases that need a boot to be believed
are damages there.
"""

from __future__ import annotations

import struct
from array import array

import pytest

from hwpkho.abi import vmalloc
from hwpkho.errors import InputError
from hwpkho.handover import vmalloc as vmalloc_walker
from hwpkho.inputs.case import CaseOptions, read_inputs
from hwpkho.report.parts.headline import headline
from tests.support import certain
from tests.support.examples import much
from tests.support.handovers import Machine
from tests.support.judged import PFNS, RAM, SCRATCH, set_root, validated


@pytest.fixture
def m():
    return Machine(at=0x6000_0000)


def test_a_chunk_that_is_an_array_page_too(m, tmp_path):
    made = m.handover(PFNS, capacity=1024)
    m.poke(made.chunks[0] + 16, "<Q", made.chunks[0])
    judged = validated(m, made, tmp_path)
    assert (judged.outcome, judged.pfns) == ("dropped", 0)


@pytest.mark.parametrize("size", [0, 1, 4, 7])
def test_the_fdt_revision_does_not_look_at_blob_size(size, m, tmp_path):
    made = m.handover(PFNS, revision="fdt-v1")
    set_root(m, made, "blob-size", struct.pack("<Q", size), "hwpoison")
    judged = validated(m, made, tmp_path)
    assert (judged.outcome, judged.pfns) == ("replay", 2)


@pytest.mark.parametrize(
    ("revision", "offset", "expected"),
    [("fdt-v1", 0x208, "replay"), ("fdt-v1", 0x204, "dropped"), ("fdt-v1", 0x201, "dropped"),
     ("struct-v1", 0x201, "replay")],
)  # fmt: skip
def test_a_blob_inside_its_page(revision, offset, expected, m, tmp_path):
    """libfdt takes no tree that is not aligned (fdt_ro_probe_(), source)."""
    made = m.handover(PFNS, revision=revision)
    m.memory[made.blob] = bytes(offset) + m.memory[made.blob][:-offset]
    set_root(m, made, "preserved-data", struct.pack("<Q", made.blob + offset), "hwpoison")
    judged = validated(m, made, tmp_path)
    assert judged.outcome == expected
    assert (judged.decided_by is None) == (expected == "replay")


@pytest.mark.parametrize("size", [0, 1, 4, 7, 31])
def test_the_struct_revision_looks_at_blob_size(size, m, tmp_path):
    made = m.handover(PFNS)
    set_root(m, made, "blob-size", struct.pack("<Q", size), "hwpoison")
    assert validated(m, made, tmp_path).outcome == "dropped"


def test_an_order_that_would_reach_over_the_chunk(tmp_path):
    """The kernel goes by the blocks of the tracker; those of order 0 replay."""
    m = Machine(at=0x6000_0000, gap=0)
    made = m.handover(PFNS)
    assert made.chunks == [made.pages[0] + m.page_size]
    m.poke(made.blob + 24, "<IHH", 2, 1, 1)
    judged = validated(m, made, tmp_path)
    assert (judged.outcome, judged.pfns) == ("replay", len(PFNS))


NOWHERE = 0x8_0000_0000


def outcome(m, made, folder, areas=(SCRATCH,), *, iomem=RAM, length=None, size=None):
    """Return what validate says of the machine's handover."""
    more = {"iomem": iomem, "length": length, "arch": "arm64", "size": size}
    return validated(m, made, folder, areas=areas, **more).outcome


@pytest.mark.parametrize(
    ("subtree", "size", "expected"),
    [("kexec-metadata", 73, "crash"), ("kexec-metadata", 4, "crash"),
     ("kexec-metadata", 3, "replay"),
     ("hwpoison", 0, "dropped"), ("hwpoison", 3, "dropped"), ("hwpoison", 4, "crash")],
)  # fmt: skip
def test_data_outside_ram_is_read_if_its_size_will_do(subtree, size, expected, m, tmp_path):
    made = m.handover(PFNS)
    set_root(m, made, "preserved-data", struct.pack("<Q", NOWHERE), subtree)
    set_root(m, made, "blob-size", struct.pack("<Q", size), subtree)
    assert outcome(m, made, tmp_path) == expected


@pytest.mark.parametrize(("bits", "expected"), [(1 << 60, "replay"), (1 << 50, "crash")])
@pytest.mark.parametrize("what", ["first", "next", "blob", "map", "node"])
def test_bits_that_arm64_does_not_look_at(what, bits, expected, m, tmp_path):
    made = m.handover(PFNS, capacity=512 * 511)
    if what == "first":
        m.poke(made.blob + 16, "<Q", made.chunks[0] | bits)
    elif what == "next":
        m.poke(made.chunks[0], "<Q", made.chunks[1] | bits)
    elif what == "blob":
        set_root(m, made, "preserved-data", struct.pack("<Q", made.blob | bits), "hwpoison")
    elif what == "map":
        set_root(m, made, "preserved-memory-map", struct.pack("<Q", made.tracker | bits))
    else:
        table = struct.unpack("<512Q", m.memory[made.tracker])
        words = (word | bits if word else 0 for word in table)
        m.memory[made.tracker] = struct.pack("<512Q", *words)
    assert outcome(m, made, tmp_path) == expected


@pytest.mark.parametrize(
    ("blocks", "expected"), [([(1, 0)], "dropped"), ([(1, 0), (2, 0)], "replay")]
)
def test_an_entry_that_is_not_aligned_to_its_order(blocks, expected, m, tmp_path):
    """kho_restore_pages() asks for a block at each naturally aligned part."""
    place = 0x6100_0000
    marked = [(place + i * m.page_size, order) for i, order in blocks]
    made = m.handover(PFNS, order=1, mark=lambda own: [*own[:-1], *marked])
    m.memory[place] = bytes(m.page_size) + m.memory.pop(made.pages[0])
    m.poke(made.chunks[0] + 8, "<Q", place + m.page_size)
    assert outcome(m, made, tmp_path) == expected


@pytest.mark.parametrize(
    ("order", "expected"), [(64, "replay"), (256, "replay"), (32, "crash"), (33, "dropped")]
)
def test_orders_wrap(order, expected, m, tmp_path):
    made = m.handover(PFNS)
    m.poke(made.blob + 30, "<H", order)
    assert outcome(m, made, tmp_path) == expected


@pytest.mark.parametrize(
    ("size", "order", "beyond"), [(4096, 11, True), (16384, 11, False), (65536, 13, False)]
)
def test_the_page_allocator_s_largest_order(size, order, beyond, tmp_path):
    m = Machine(arch="arm64", page_size=size)
    made = m.handover(PFNS)
    m.poke(made.blob + 30, "<H", order)
    handover = read_inputs([str(m.save(tmp_path))], CaseOptions(size, made.root)).handovers[0]
    assert ("HP307" in {p.code for p in handover.problems}) == beyond


@pytest.mark.parametrize("offset", [1, 8])
def test_a_chunk_at_an_odd_address(offset, m, tmp_path):
    extra = 0x6100_0000
    made = m.handover(PFNS, mark=lambda own: [*own, (extra, 0)])
    m.memory[extra] = vmalloc.Chunk(0, array("Q")).build(m.page_size)
    m.poke(made.chunks[0], "<Q", extra + offset)
    assert outcome(m, made, tmp_path) == "replay"


def test_what_stands_behind_the_end_of_a_chunk(m, tmp_path):
    made = m.handover(PFNS)
    m.poke(made.chunks[0] + 24, "<Q", NOWHERE)
    assert outcome(m, made, tmp_path) == "replay"


def test_the_kernel_gives_up_before_it_follows_next(m, tmp_path):
    made = m.handover(PFNS, capacity=1024)
    m.poke(made.blob + 24, "<I", 1)
    m.poke(made.chunks[0], "<Q", NOWHERE)
    assert outcome(m, made, tmp_path) == "dropped"


def test_a_blob_across_two_pages_needs_both(m, tmp_path):
    made = m.handover(PFNS)
    at = made.blob + m.page_size - 16
    m.memory[made.blob] = m.memory[made.blob][:32].rjust(m.page_size + 16, b"\0")
    set_root(m, made, "preserved-data", struct.pack("<Q", at), "hwpoison")
    assert outcome(m, made, tmp_path) == "dropped"


def test_an_order_that_wraps_with_a_page_listed_twice(m, tmp_path):
    made = m.handover(PFNS, capacity=1024)
    m.poke(made.blob + 30, "<H", 32)
    m.poke(made.chunks[0] + 16, "<Q", made.pages[0])
    assert outcome(m, made, tmp_path) == "dropped"


def test_a_blob_in_ram_that_is_not_preserved(m, tmp_path):
    made = m.handover(PFNS)
    set_root(m, made, "preserved-data", struct.pack("<Q", 0x7FFF_C000), "hwpoison")
    assert outcome(m, made, tmp_path) == "dropped"


def test_chunks_that_overlap_are_not_followed_for_long(m, tmp_path):
    """16 bytes for each: next, and no entry."""
    made = m.handover(PFNS)
    steps = 50_000
    at = m.put(pages=steps * 16 // m.page_size + 2)
    words = (word for i in range(steps) for word in (at + 16 * (i + 1), 0))
    m.write(at, struct.pack(f"<{2 * steps}Q", *words))
    m.poke(made.blob + 16, "<Q", at)
    handover = read_inputs([str(m.save(tmp_path))], CaseOptions(m.page_size, made.root)).handovers[
        0
    ]
    assert len(certain(certain(handover.hwpoison).chunks)) < 1000
    assert outcome(m, made, tmp_path) == "dropped"


def test_more_entries_than_any_list_has_are_refused(m, tmp_path, monkeypatch):
    made = m.handover(PFNS)
    m.array_pages(made, 2000)
    monkeypatch.setattr(vmalloc_walker, "MAX_ENTRIES", 2001)
    # Most of the array is outside RAM, and is marked: no kernel of such a machine made that.
    assert outcome(m, made, tmp_path) is None
    monkeypatch.setattr(vmalloc_walker, "MAX_ENTRIES", 2000)
    with pytest.raises(InputError, match=r"chunk 0x.* more than 2000 array"):
        outcome(m, made, tmp_path)


def test_a_chunk_that_is_a_later_block_of_an_entry(m, tmp_path):
    """The entry at page 1 is restored as the pages 1, 2-3 and 4."""
    made = m.handover(PFNS)
    base = m.put(pages=16)
    chunk, page = base + 2 * m.page_size, m.page_size
    m.memory[base] = bytes(16 * page)
    m.write(chunk, vmalloc.Chunk(0, array("Q", [base + page, base + 5 * page])).build(page))
    m.poke(made.blob + 16, "<QIHH", chunk, 8, 2, 2)
    handover = read_inputs([str(m.save(tmp_path))], CaseOptions(page, made.root)).handovers[0]
    told = [p.message for p in handover.problems if p.code == "HP314"]
    assert told == [f"chunk 0x{chunk:x} is an array page as well"]


@pytest.mark.parametrize(("start", "words"), [(1, "reaches into"), (0, "lies inside"), (4, "")])
def test_an_array_entry_that_ends_in_scratch(start, words, m, tmp_path):
    made = m.handover(PFNS, order=2)
    area = (made.pages[0] + start * m.page_size, 1 << 20)
    handover = validated(m, made, tmp_path, areas=(area,), iomem=RAM, arch="arm64")
    told = [f.message for f in handover.findings if f.code == "HP412" and "array" in f.message]
    assert told == [f"array page 0x{made.pages[0]:x} {words} scratch"] * bool(words)


def test_array_pages_that_an_image_lacks(m, tmp_path):
    """Few live entries in a large array: a capture need not hold the rest of it."""
    made = m.handover(PFNS)
    m.array_pages(made, much(5000, 20_000))
    ram = f"{RAM}2000000000-2fffffffff : System RAM\n"
    judged = validated(m, made, tmp_path, areas=(SCRATCH,), iomem=ram, arch="arm64")
    assert (judged.outcome, judged.pfns) == ("replay", len(PFNS))
    del m.memory[made.pages[0]]
    judged = validated(m, made, tmp_path, areas=(SCRATCH,), iomem=ram, arch="arm64")
    said = "error", "the list will be replayed, but this input lacks a part of it"
    assert (judged.outcome, judged.pfns, headline(judged)) == ("replay", 0, said)
