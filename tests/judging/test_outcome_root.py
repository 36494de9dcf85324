"""Damaged root FDTs, and what real arm64 kernels (7.3.4, 4 and 64 KiB pages) made of them."""

from __future__ import annotations

import pytest

import hwpkho
from hwpkho.abi import fdt
from tests.support.handovers import Machine
from tests.support.judged import PFNS, RAM, SCRATCH, set_root, validated


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


@pytest.mark.parametrize(
    ("compatible", "outcome"),
    [(b"kho-v4", "replay"), (b"\0kho-v4", "replay"), (b"kho-v4 ", "refused"), (b"", "refused")],
)
def test_compatible_without_a_nul_of_its_own(compatible, outcome, m, tmp_path):
    made = m.handover(PFNS)
    set_root(m, made, "compatible", compatible)
    assert validated(m, made, tmp_path).outcome == outcome


@pytest.mark.parametrize(
    ("written", "compatible", "speaks", "outcome", "code"),
    [
        (1, b"kho-v2\0kho-v1", 1, "replay", None),
        (1, b"kho-v1\0kho-v2", 1, "replay", None),
        (1, b"kho-v9\0kho-v4\0kho-v1", 1, "replay", None),
        (1, b"kho-v2\0kho-v1", 3, "refused", "HP211"),
        (2, b"kho-v3\0kho-v2", 2, "replay", None),
        (2, b"kho-v2\0kho-v3", 3, "dropped", "HP204"),
        (3, b"kho-v4\0kho-v3", 3, "replay", None),
        (3, b"kho-v3\0kho-v4", 4, "replay", None),
        (4, b"kho-v1\0kho-v4", 4, "replay", None),
        (4, b"kho-v1\0kho-v4", 1, "dropped", "HP204"),
    ],
)
def test_a_kernel_reads_a_root_that_names_it_as_its_own(
    written, compatible, speaks, outcome, code, m, tmp_path, cli
):
    """fdt_node_check_compatible() takes any string of the list; no later check asks for it."""
    made = m.handover(PFNS, kho=written, revision="fdt-v1" if written == 1 else "struct-v1")
    set_root(m, made, "compatible", compatible + b"\0")
    path = m.save(tmp_path)
    got = cli("validate", "--json", path, "--consumer-kho", f"v{speaks}")
    assert got.json["outcome"] == outcome, got.json["findings"]
    assert code is None or code in {f["code"] for f in got.json["findings"]}
    with hwpkho.open_case(path) as case:
        assert case.validate(consumer_kho=speaks).outcome == outcome
        with hwpkho.open_memory(case, case.extents(), arch=m.arch) as memory:
            assert memory.validate(consumer_kho=speaks).outcome == outcome
    # What it is written as is what decode shows, whoever reads it.
    assert cli("decode", "--pfns", path).out.split() == [hex(p) for p in PFNS]


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


def outcome(m, made, folder, areas=(SCRATCH,), *, iomem=RAM, length=None, size=None):
    """Return what validate says of the machine's handover."""
    more = {"iomem": iomem, "length": length, "arch": "arm64", "size": size}
    return validated(m, made, folder, areas=areas, **more).outcome


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "refused"), (1, "replay"), (260 << 10, "replay"), ((260 << 10) + 1, "refused"),
     ((1 << 64) - 1, "refused")],
)  # fmt: skip
def test_what_early_boot_can_map_of_the_root(size, expected, m, tmp_path):
    assert outcome(m, m.handover(PFNS), tmp_path, size=size) == expected


def test_what_is_handed_over_is_no_root_fdt(tmp_path, cli):
    """Where nothing looks like a root FDT, handover.json tells where it should be."""
    folder = tmp_path / "handover"
    folder.mkdir()
    (folder / "0x60000000.bin").write_bytes(bytes(4096))
    (folder / "handover.json").write_text(
        '{"kho_fdt": [1610612736, 4096], "kho_scratch": [1610616832, 16], "page_size": 4096}'
    )
    got = cli("validate", folder, "--json")
    assert (got.code, got.json["outcome"]) == (1, "refused")
