"""Odd handovers, and what a real arm64 kernel (7.3.4, 4 and 64 KiB pages) did with them."""

from __future__ import annotations

import struct

import pytest

from hwpkho.abi import fdt
from tests.support.handovers import Machine
from tests.support.judged import PFNS, set_root, validated


@pytest.fixture
def m():
    return Machine(at=0x6000_0000)


@pytest.mark.parametrize("total", [8192, 1 << 20, (1 << 31) - 2])
def test_a_totalsize_beyond_the_page_is_not_noticed(total, m, tmp_path):
    made = m.handover(PFNS)
    m.poke(made.root + 4, ">I", total)
    judged = validated(m, made, tmp_path)
    assert judged.outcome == "replay"
    assert [f.severity for f in judged.findings if f.code == "HP201"] == ["warning"]


def test_a_chunk_that_is_an_array_page_too(m, tmp_path):
    made = m.handover(PFNS, capacity=1024)
    m.poke(made.chunks[0] + 16, "<Q", made.chunks[0])
    judged = validated(m, made, tmp_path)
    assert (judged.outcome, judged.pfns) == ("dropped", 0)


@pytest.mark.parametrize(
    ("compatible", "outcome"),
    [(b"kho-v4", "replay"), (b"\0kho-v4", "replay"), (b"kho-v4 ", "refused"), (b"", "refused")],
)
def test_compatible_without_a_nul_of_its_own(compatible, outcome, m, tmp_path):
    made = m.handover(PFNS)
    set_root(m, made, "compatible", compatible)
    assert validated(m, made, tmp_path).outcome == outcome


@pytest.mark.parametrize("size", [0, 1, 4, 7])
def test_the_fdt_revision_does_not_look_at_blob_size(size, m, tmp_path):
    made = m.handover(PFNS, revision="fdt-v1")
    set_root(m, made, "blob-size", struct.pack("<Q", size), "hwpoison")
    judged = validated(m, made, tmp_path)
    assert (judged.outcome, judged.pfns) == ("replay", 2)


@pytest.mark.parametrize("size", [0, 1, 4, 7, 31])
def test_the_struct_revision_looks_at_blob_size(size, m, tmp_path):
    made = m.handover(PFNS)
    set_root(m, made, "blob-size", struct.pack("<Q", size), "hwpoison")
    assert validated(m, made, tmp_path).outcome == "dropped"


@pytest.mark.parametrize(("offset", "outcome"), [(0x108, "replay"), (0x104, "refused")])
def test_a_root_fdt_inside_its_page(offset, outcome, m, tmp_path):
    made = m.handover(PFNS)
    m.memory[made.root] = bytes(offset) + m.memory[made.root][:-offset]
    m.poke(made.pages[0], "<Q", made.root // m.page_size + 1)
    judged = validated(m, made, tmp_path, made.root + offset)
    assert judged.outcome == outcome
    # The page behind it is none of the handover.
    assert judged.runs.counts() == {"replays": 2}
    assert any(f.code == "HP201" for f in judged.findings) == (outcome == "refused")


@pytest.mark.parametrize(("node", "outcome"), [(0, "dropped"), (1, "replay")])
def test_damage_of_the_root_before_and_behind_the_node(node, outcome, m, tmp_path):
    made = m.handover(PFNS)
    tree = fdt.parse(m.memory[made.root]).root
    assert tree.children[0].name == "hwpoison"
    m.poke(made.root + tree.children[node].offset, ">I", 7)
    assert validated(m, made, tmp_path).outcome == outcome


@pytest.mark.parametrize(
    ("sizes", "outcome"),
    [((0,), "crash"), ((0, 0), "crash"), ((0, 24), "replay"), ((16,), "crash"), ((20,), "replay"),
     ((8, 8), "crash"), ((8, 16), "replay")],
)  # fmt: skip
def test_scratch_must_hold_the_page_structs(sizes, outcome, m, tmp_path):
    """1 GiB of RAM in pages of 4 KiB has 16 MiB of page structs."""
    areas = [(0x7000_0000 + (i << 26), size << 20) for i, size in enumerate(sizes)]
    judged = validated(m, m.handover(PFNS), tmp_path, areas=areas)
    assert judged.outcome == outcome
    assert any(f.code == "HP420" for f in judged.findings) == (outcome == "crash")


@pytest.mark.parametrize(
    ("page_size", "kib", "outcome"),
    [(16384, 4800, "crash"), (16384, 5056, "replay"), (65536, 0, "crash"), (65536, 1536, "crash"),
     (65536, 2048, "replay")],
)  # fmt: skip
def test_larger_pages_need_less_scratch(page_size, kib, outcome, tmp_path):
    """Measured with 1 GiB of RAM, by bisection."""
    m = Machine(page_size, at=0x6000_0000)
    made, size = m.handover([0x5001]), kib << 10
    assert validated(m, made, tmp_path, areas=[(0x7000_0000, size)]).outcome == outcome


def test_an_order_that_would_reach_over_the_chunk(tmp_path):
    """The kernel goes by the blocks of the tracker; those of order 0 replay."""
    m = Machine(at=0x6000_0000, gap=0)
    made = m.handover(PFNS)
    assert made.chunks == [made.pages[0] + m.page_size]
    m.poke(made.blob + 24, "<IHH", 2, 1, 1)
    judged = validated(m, made, tmp_path)
    assert (judged.outcome, judged.pfns) == ("replay", len(PFNS))
