"""Where bad pages are in preserved files, damaged ones among them."""

from __future__ import annotations

import pytest

from tests.support import forked
from tests.support.examples import much
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


@pytest.mark.parametrize("spread", [1, pytest.param(7, marks=pytest.mark.slow)])
def test_an_array_that_has_a_page_again_and_again(spread, made, iomem, tmp_path):
    data = made.memfd([(PFN + i % spread, i * 5, 0) for i in range(much(20_000, 50_000))])
    made.blocks = [(phys, order) for phys, order in made.blocks if phys >> 12 < PFN]
    made.blocks.append((PFN << 12, 0))
    bad = [PFN + i for i in range(spread)]
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=bad)
    path = made.machine.save(tmp_path)
    # Every run beside every other took a minute.
    cost = forked.within(1.5, "validate", path, "--memmap", iomem)
    assert cost.code in (0, 1)


@pytest.mark.slow
def test_bad_pages_in_many_files(made, iomem, tmp_path):
    """Whose each is costs no look at every file."""
    files = [
        (n, made.memfd([(PFN + n * 512 + 2 * i, i, 0) for i in range(100)])) for n in range(300)
    ]
    bad = [PFN + n * 512 + 2 * i for i in range(100) for n in range(300)]
    made.handover(made.blob([made.session("vm", files)]), pfns=bad)
    path = made.machine.save(tmp_path)
    # 4 s where each is looked for in all files.
    assert forked.within(1.8, "validate", path, "--memmap", iomem).code == 0


#: LUO's own pages, and what the next kernel does with a bad one.
_OWN = ["flbs", "sessions", "files", "memfd", "array", "chunk"]


@pytest.mark.parametrize("what", _OWN)
def test_a_bad_page_of_luos_own(what, made, iomem, cli, tmp_path):
    """It is read in kernel mode during the live update; it is no guest's."""
    data = made.memfd([(PFN, 0, 0)])
    blob = made.blob([made.session("vm", [(1, data)])])
    bad = made.places[what][0] >> 12
    made.handover(blob, pfns=[bad, PFN])
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", iomem)
    own, guests = sorted(got.json["runs"], key=lambda run: run["first"])
    assert (own["first"], own["verdict"], own["code"]) == (bad, "handover", "HP923")
    assert own["owner"] is None
    assert (guests["verdict"], guests["owner"]["token"]) == ("preserved", 1)
    assert got.json["outcome"] == "replay"


def test_a_bad_page_of_luos_blob(made, iomem, cli, tmp_path):
    """Early boot reads and frees it, so that it is any free page by the time of the replay."""
    blob = made.blob([made.session("vm", [(1, made.memfd([(PFN, 0, 0)]))])])
    where = made.handover(blob, pfns=[1])
    (at,) = [s.phys for s in where.subtrees if s.name == "LUO"]
    made.machine.poke(where.pages[0], "<Q", at >> 12)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", iomem)
    (run,) = got.json["runs"]
    assert (run["verdict"], run["owner"]) == ("replays", None)
    assert {f["code"]: f["severity"] for f in got.json["findings"]}["HP924"] == "warning"


@pytest.mark.parametrize(
    ("order", "page", "code", "beyond"),
    [
        (0, 0, "HP920", False),
        (1, 0, "HP921", False),
        (1, 1, "HP922", True),
        (9, 0, "HP921", False),
        (9, 1, "HP922", True),
        (9, 511, "HP922", True),
    ],
)
@pytest.mark.parametrize("page_size", [4096, 65536])
def test_head_tail_and_beyond_the_end(order, page, code, beyond, page_size, cli, tmp_path):
    """A file of one page, whatever its folio is."""
    arch = "x86_64" if page_size == 4096 else "arm64"
    made = Orchestrator(Machine(page_size, arch=arch, at=0x1000_0000, gap=0))
    data = made.memfd([(PFN, 0, order)], size=1)
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=[PFN + page])
    (tmp_path / "iomem").write_text("00100000-ffffffffff : System RAM\n")
    path = made.machine.save(tmp_path)
    args = ("--page-size", page_size, "--memmap", tmp_path / "iomem")
    (run,) = cli("validate", "--json", path, *args).json["runs"]
    assert (run["code"], run["owner"]["index"]) == (code, page)
    assert (run["owner"]["order"], run["owner"]["beyond_end"]) == (order, beyond)


@pytest.mark.parametrize(("marked", "code"), [(True, "HP920"), (False, "HP918")])
def test_a_folio_that_is_all_beyond_the_end(marked, code, made, iomem, cli, tmp_path):
    """Only a larger folio takes its bad page back to the allocator."""
    data = made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)], size=1)
    if not marked:
        made.blocks.remove(((PFN + 1) * 4096, 0))
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=[PFN + 1])
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", iomem)
    (run,) = got.json["runs"]
    assert (run["code"], run["owner"]["beyond_end"]) == (code, True)


def test_pages_before_and_behind_a_file_are_nobodys(made, iomem, cli, tmp_path):
    data = made.memfd([(PFN, 0, 3)])
    bad = [PFN - 1, PFN, PFN + 7, PFN + 8]
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=bad)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", iomem)
    verdicts = {run["first"]: run["verdict"] for run in got.json["runs"]}
    assert verdicts == {
        PFN - 1: "replays", PFN: "preserved", PFN + 7: "preserved", PFN + 8: "replays",
    }  # fmt: skip
