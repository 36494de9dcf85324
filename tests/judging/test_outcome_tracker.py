"""Trackers that no producer writes, and what real arm64 kernels (7.3.4) made of them."""

from __future__ import annotations

import struct

import pytest

from hwpkho.abi.tracker import radix
from hwpkho.errors import InputError
from tests.support.handovers import Machine
from tests.support.judged import PFNS, RAM, SCRATCH, set_root, validated


@pytest.fixture
def m():
    return Machine(at=0x6000_0000)


def outcome(m, made, folder, areas=(SCRATCH,), *, iomem=RAM, length=None, size=None):
    """Return what validate says of the machine's handover."""
    more = {"iomem": iomem, "length": length, "arch": "arm64", "size": size}
    return validated(m, made, folder, areas=areas, **more).outcome


def test_a_node_that_is_reached_twice(m, tmp_path):
    """It marks 128 MiB further up, too, where RAM is as well."""
    made = m.handover(PFNS)
    leaf = made.nodes[0]
    (node,) = (n for n in made.nodes[1:] if leaf in struct.unpack("<512Q", m.memory[n]))
    words = list(struct.unpack("<512Q", m.memory[node]))
    words[words.index(leaf) + 1] = leaf
    m.memory[node] = struct.pack("<512Q", *words)
    assert outcome(m, made, tmp_path) == "replay"


def test_a_loop_in_the_tracker(m, tmp_path):
    made = m.handover(PFNS)
    m.memory[made.tracker] = struct.pack("<512Q", *[made.tracker] * 512)
    assert outcome(m, made, tmp_path) == "crash"


@pytest.mark.parametrize(
    ("block", "expected"),
    [((0x7E80_0000, 0), "replay"), ((0x8000_0000, 0), "crash"), ((0x4000_0000, 18), "crash"),
     ((0x4000_0000, 17), "replay")],
)  # fmt: skip
def test_blocks_at_the_edge_of_ram(block, expected, m, tmp_path):
    """Sections of memory that are RAM in part have all of their struct pages."""
    made = m.handover(PFNS, mark=lambda own: [*own, block])
    iomem = "40000000-7e7fffff : System RAM\n"
    found = validated(m, made, tmp_path, areas=[(0x7000_0000, 32 << 20)], iomem=iomem, arch="arm64")
    assert found.outcome == expected
    assert [f.phys for f in found.findings if f.code == "HP421"] == [made.tracker] * (
        block == (0x4000_0000, 18)
    )


def test_a_tracker_node_at_an_odd_address(m, tmp_path):
    """What lies behind the page is taken as empty: the upper half of a table leads nowhere."""
    made = m.handover(PFNS)
    set_root(m, made, "preserved-memory-map", struct.pack("<Q", made.tracker + 0x800))
    found = validated(m, made, tmp_path, arch="arm64")
    assert found.outcome == "dropped"
    assert [f.phys for f in found.findings if f.code == "HP403"] == [made.tracker + 0x800]


def test_nodes_that_overlap_are_not_walked_for_long(m, tmp_path, monkeypatch):
    """Each word of the top table leads to a node that begins 8 bytes behind the one before."""
    made = m.handover(PFNS)
    at = m.put(pages=2)
    m.memory[made.tracker] = struct.pack("<512Q", *(at + 8 * i for i in range(512)))
    assert outcome(m, made, tmp_path) == "dropped"
    monkeypatch.setattr(radix, "_MAX_OVERLAPS", 500)
    with pytest.raises(InputError, match=r"more than 500 nodes of the tracker at 0x.* overlap"):
        outcome(m, made, tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [("none", "replay"), ("twice", "replay"), ("shifted", "replay"), ("null", "crash"),
     ("order", "crash"), ("order of nothing", "replay"), ("66 shifted", "replay"),
     ("off the grid", "replay"), ("beyond 2^64", "crash"), ("not aligned", "replay"),
     ("odd chunk", "replay"), ("odd chunk outside RAM", "crash")],
)  # fmt: skip
def test_elements_of_kho_v1_that_no_kernel_makes(change, expected, m, tmp_path, cli):
    """deserialize_bitmap() of 6.18 takes phys_start and bitmap as they are, and the order with a
    bit that is set (source).
    """
    made = m.handover(PFNS, kho=1, revision="fdt-v1")
    (start, bitmap), span = struct.unpack_from("<QQ", m.memory[made.tracker], 16), 1 << 27
    marks = int.from_bytes(m.memory[bitmap], "little")
    order, more = {
        "none": (0, []),
        "twice": (0, [(start, bitmap)]),
        "shifted": (
            0,
            [(start - (64 << 12), m.put((marks << 64).to_bytes(m.page_size, "little")))],
        ),
        "null": (0, [(0x4000_0000, 0)]),
        "order": (60, [(0x4000_0000, bitmap)]),
        "order of nothing": (60, []),
        "66 shifted": (0, [(0x4800_1000, m.put(b"\x01")) for _ in range(66)]),
        "off the grid": (0, [(0x4900_0000, m.put(b"\x01"))]),
        "not aligned": (2, [(0x4800_1000, m.put(b"\x01"))]),
        "odd chunk": (0, []),
        "odd chunk outside RAM": (0, []),
        "beyond 2^64": (51, [(0, m.put(b"\x80".rjust(m.page_size, b"\0")))]),
    }[change]
    assert start % span == 0
    if change == "shifted":
        m.memory[bitmap] = bytes(m.page_size)
    following = m.put(pages=2)
    odd_at = {"odd chunk": following + 0x801, "odd chunk outside RAM": 0x8000_0001}
    next_chunk = odd_at.get(change, following)
    for at, next_, order_, elements in (
        (following, 0, order, more), (made.tracker, next_chunk, 0, [(start, bitmap)])
    ):  # fmt: skip
        head = struct.pack("<QII", next_, order_, len(elements))
        body = b"".join(struct.pack("<QQ", *e) for e in elements)
        m.memory[at] = (head + body).ljust(len(m.memory[at]), b"\0")
    (tmp_path / "iomem").write_text(RAM)
    array = m.put(struct.pack("<QQ", *SCRATCH))
    got = cli("validate", "--json", m.save(tmp_path), "--memmap", tmp_path / "iomem",
              "--consumer-kho", "v1", "--page-size", 4096,
              "--kho-scratch", f"0x{array:x}:16")  # fmt: skip
    assert got.json["outcome"] == expected, got.json["findings"]
    odd = any(f["code"] == "HP402" for f in got.json["findings"])
    assert odd == (change not in ("none", "order of nothing"))
    decided = got.json["decided_by"]
    assert got.json["findings"].count(decided) == (decided is not None)
    if expected == "crash":
        assert decided["code"] == ("HP419" if "outside" in change else "HP402")


@pytest.mark.parametrize(("at", "expected"), [(0, "replay"), (1, "dropped")])
def test_an_array_page_in_a_block_of_kho_v1_that_is_not_aligned(at, expected, m, tmp_path, cli):
    """kho_restore_page() finds the order where the block starts, and nothing behind it."""
    made = m.handover(PFNS, kho=1, revision="fdt-v1")
    (page,) = made.pages
    (start, bitmap) = struct.unpack_from("<QQ", m.memory[made.tracker], 16)
    number = page - start >> 12
    m.memory[bitmap] = (int.from_bytes(m.memory[bitmap], "little") & ~(1 << number)).to_bytes(
        m.page_size, "little"
    )
    block = page - 0x1000 * at
    order = 1 if block & 0x1000 else 2 if block & 0x2000 else 3
    chunk = struct.pack("<QII", 0, order, 1) + struct.pack("<QQ", block, m.put(b"\x01"))
    m.write(made.tracker, struct.pack("<Q", m.put(chunk)))
    (tmp_path / "iomem").write_text(RAM)
    array = m.put(struct.pack("<QQ", *SCRATCH))
    got = cli("validate", "--json", m.save(tmp_path), "--memmap", tmp_path / "iomem",
              "--consumer-kho", "v1", "--page-size", 4096,
              "--kho-scratch", f"0x{array:x}:16")  # fmt: skip
    assert block % (4096 << order)
    assert got.json["outcome"] == expected, got.json["findings"]
