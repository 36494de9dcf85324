"""Where bad pages are in preserved files, damaged ones among them."""

from __future__ import annotations

import pytest

from tests.support import forked
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN


@pytest.fixture
def made() -> Orchestrator:
    return Orchestrator(Machine(arch="x86_64", at=0x1000_0000, gap=0))


@pytest.fixture
def iomem(tmp_path):
    path = tmp_path / "iomem"
    path.write_text(IOMEM)
    return path


def test_each_page_has_one_place(made, iomem, cli, tmp_path):
    """Folios over each other: the one that begins first counts, and the rest of the other."""
    data = made.memfd([(PFN, 0, 2), (PFN + 2, 4, 1), (PFN + 3, 6, 0), (PFN + 4, 7, 0)])
    bad = range(PFN, PFN + 6)
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=list(bad))
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", iomem)
    places = {
        pfn: run["owner"] and (run["owner"]["index"] + pfn - run["first"], run["owner"]["order"])
        for run in got.json["runs"]
        for pfn in range(run["first"], run["last"] + 1)
    }
    assert places == {
        **{PFN + n: (n, 2) for n in range(4)}, PFN + 4: (7, 0), PFN + 5: None,
    }  # fmt: skip


@pytest.mark.parametrize("spread", [1, 7])
def test_an_array_that_has_a_page_again_and_again(spread, made, iomem, tmp_path):
    data = made.memfd([(PFN + i % spread, i * 5, 0) for i in range(50_000)])
    made.blocks = [(phys, order) for phys, order in made.blocks if phys >> 12 < PFN]
    made.blocks.append((PFN << 12, 0))
    bad = [PFN + i for i in range(spread)]
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=bad)
    cost = forked.run("validate", made.machine.save(tmp_path), "--memmap", iomem)
    assert cost.code in (0, 1)
    assert cost.cpu < 1.5  # every run beside every other took a minute


def test_bad_pages_in_many_files(made, iomem, tmp_path):
    """Whose each is costs no look at every file."""
    files = [
        (n, made.memfd([(PFN + n * 512 + 2 * i, i, 0) for i in range(100)])) for n in range(300)
    ]
    bad = [PFN + n * 512 + 2 * i for i in range(100) for n in range(300)]
    made.handover(made.blob([made.session("vm", files)]), pfns=bad)
    cost = forked.run("validate", made.machine.save(tmp_path), "--memmap", iomem)
    assert cost.code == 0
    assert cost.cpu < 1.8  # 4 s where each is looked for in all files
