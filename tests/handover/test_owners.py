"""Who owns what the tracker marks, where the numbers of an owner are nobody's."""

from __future__ import annotations

import struct

import pytest

from hwpkho.abi import fdt, vmalloc
from tests.support import forked
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN

_ALL = (1 << 64) - 1


def _tree(name: str, **fields: bytes) -> bytes:
    node = fdt.Node(name, properties=[fdt.Property(k, v, 0) for k, v in fields.items()])
    return fdt.build(fdt.Node("", children=[node]), strings=b"")


@pytest.mark.parametrize("start", [0, 0x1000, _ALL])
def test_an_area_as_large_as_its_numbers(start, cli, tmp_path):
    """Its size bounds no work; what is marked in it is its."""
    machine = Machine(arch="x86_64", at=0x1000_0000)
    area = _tree("all", start=struct.pack("<Q", start), size=struct.pack("<Q", _ALL))
    machine.handover(subtrees=[("memblock", area)], mark=lambda b: [*b, (PFN << 12, 3)])
    (h,) = cli("decode", "--json", machine.save(tmp_path)).json["handovers"]
    unknown = [o["bytes"] for o in h["preserved"] if o["kind"] == "unknown"]
    assert unknown == ([8 << 12] if start == _ALL else [])


@pytest.mark.parametrize("order", [31, 64, 128, 0xFFFF])
def test_kho_tests_array_of_a_wild_order(order, cli, tmp_path):
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    array = made.page("array", struct.pack("<Q", PFN << 12 | 63))
    chunk = made.page("chunk", vmalloc.Chunk.parse(struct.pack("<2Q", 0, array)).build(4096))
    info = vmalloc.KhoVmalloc(chunk, 1, 1, order).build()
    data = _tree("data", nr_folios=struct.pack("<I", 1), folios_info=info)
    made.machine.handover(subtrees=[("kho_test", data)], mark=lambda b: b + made.blocks)
    path = made.machine.save(tmp_path)
    (tmp_path / "iomem").write_text(IOMEM)
    for args in ((), ("--json",), ("--annotate",)):
        assert cli("decode", path, *args).code in (0, 1)
    assert cli("validate", path, "--memmap", tmp_path / "iomem").code in (0, 1)


def test_a_subtree_of_the_name_unknown_has_its_pages(cli, tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(subtrees=[("unknown", b"blob")])
    got = cli("decode", machine.save(tmp_path))
    assert "all of it has an owner" in got.out
    assert "HP911" not in got.out


@pytest.mark.parametrize(("page_size", "arch"), [(4096, "x86_64"), (65536, "arm64")])
def test_pairs_of_folios_cost_what_they_are(page_size, arch, tmp_path):
    """A run of two folios looks at the bytes of the bitmap that have them, and at no others."""
    made = Orchestrator(Machine(arch=arch, at=0x1000_0000, gap=0, page_size=page_size))
    folios = [(PFN + i + i // 2, i, 0) for i in range(100_000)]
    made.handover(made.blob([made.session("vm", [(1, made.memfd(folios))])]))
    cost = forked.run("decode", made.machine.save(tmp_path))
    assert cost.code == 0
    assert cost.cpu < 1.5  # with the whole bitmap for each it took 6 s and more
    assert b"all of it has an owner" in cost.out


def test_pages_of_a_list_that_was_replayed_are_no_leak(cli, tmp_path):
    """Of an incoming handover nothing shows which they were."""
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(kexec_count=0)
    machine.handover(kexec_count=1)
    before, after = cli("decode", "--json", machine.save(tmp_path)).json["handovers"]
    assert "HP319" in [p["code"] for p in before["problems"]]
    for h in (before, after):
        assert "HP911" not in [p["code"] for p in h["problems"]]
