"""Memfds: their structure, the array of their folios, and where a folio's order comes from."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.abi import memfd, vmalloc
from hwpkho.handover.luo import memory
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

#: In a page of 4 KiB.
_FOLIOS = 256


@pytest.fixture
def made() -> Orchestrator:
    return Orchestrator(Machine(arch="x86_64", at=0x1000_0000))


@pytest.fixture
def file_of(made, cli, tmp_path) -> Callable[[int], tuple[Any, dict[str, str]]]:
    """Return a function: the file that decode shows for a structure, and problems by code."""

    def run(data: int) -> tuple[Any, dict[str, str]]:
        made.handover(made.blob([made.session("vm", [(1, data)])]))
        got = cli("decode", "--json", made.machine.save(tmp_path))
        assert got.code in (0, 1), got.err
        (h,) = got.json["handovers"]
        told = {p["code"]: p["message"] for p in h["problems"] if p["code"] != "HP410"}
        return h["luo"]["sessions"][0]["files"][0], told

    return run


def _runs(file: Any) -> list[tuple[int, ...]]:
    return [tuple(run.values()) for run in file["runs"]]


def _singles(count: int) -> list[tuple[int, int, int]]:
    return [(PFN + n, n, 0) for n in range(count)]


@pytest.mark.parametrize("count", [1, _FOLIOS - 1, _FOLIOS, _FOLIOS + 1, 3 * _FOLIOS])
def test_pages_of_the_array(count, made, file_of):
    """As many as the folios need, 256 in each."""
    file, told = file_of(made.memfd(_singles(count)))
    assert (_runs(file), told) == ([(0, PFN, count, 0, 3)], {})
    assert len(made.places["array"]) == -(-count // _FOLIOS)


def test_a_chunk_behind_the_last_one(made, file_of):
    """A full chunk is followed by an empty one: 130,816 folios of a real file had that."""
    data = made.memfd(_singles(3))
    empty = made.page("chunk")
    made.machine.poke(made.places["chunk"][0], "<Q", empty)
    file, told = file_of(data)
    assert (_runs(file), told) == ([(0, PFN, 3, 0, 3)], {})


def test_only_its_own_entries_are_read(made, file_of):
    """The rest of the last page is zero in a kernel's array, and nobody looks at it."""
    data = made.memfd(_singles(3))
    made.machine.poke(made.places["array"][0] + 3 * memfd.FOLIO, "<2Q", 0x9999 | 3 << 52, 3)
    file, told = file_of(data)
    assert (_runs(file), told) == ([(0, PFN, 3, 0, 3)], {})


def test_an_empty_file_has_no_array(made, file_of):
    data = made.memfd([])
    assert made.machine.memory[data][24:48] == bytes(24)
    file, told = file_of(data)
    assert (file["size"], file["nr_folios"], file["runs"], told) == (0, 0, [], {})


@pytest.mark.parametrize(
    "changes",
    [
        {"folios": vmalloc.KhoVmalloc(0, 1, 1)},
        {"total": 2},
        {"total": 0},
        {"order": 1},
        {"order": 0xFFFF},
        {"first": 1 << 60},
    ],
)
def test_an_array_that_cannot_be_restored(changes, made, file_of):
    data = made.memfd(_singles(3))
    first = made.places["chunk"][0]
    area = vmalloc.KhoVmalloc(
        changes.get("first", first), changes.get("total", 1), changes.get("flags", 1),
        changes.get("order", 0),
    )  # fmt: skip
    made.machine.write(data + memfd.AREA, changes.get("folios", area).build())
    file, told = file_of(data)
    assert file["runs"] is None
    assert told["HP905"].startswith('session "vm", token 1: ')
    assert file["size"] == 3 * 4096


def test_entries_without_a_pfn_are_passed_over(made, file_of):
    """As by the kernel: the others are the file's."""
    data = made.memfd(_singles(5))
    made.machine.poke(made.places["array"][0] + 2 * memfd.FOLIO, "<2Q", 0, 0)
    file, told = file_of(data)
    assert _runs(file) == [(0, PFN, 2, 0, 3), (3, PFN + 3, 2, 0, 3)]
    assert {*told} == {"HP911"}


@pytest.mark.parametrize("left", [2, 3])
def test_so_many_wrong_entries_end_an_array(left, made, file_of, monkeypatch):
    monkeypatch.setattr(memory, "MAX_AMISS", left)
    data = made.memfd(_singles(6))
    for n in range(1, 4):
        made.machine.poke(made.places["array"][0] + n * memfd.FOLIO, "<2Q", 0, 0)
    file, told = file_of(data)
    if left == 3:
        assert _runs(file) == [(0, PFN, 1, 0, 3), (4, PFN + 4, 2, 0, 3)]
        assert {*told} == {"HP911"}
    else:
        assert _runs(file) == [(0, PFN, 1, 0, 3)]
        assert "not read from entry 4 on" in told["HP907"]


@pytest.mark.parametrize("step", [0x1000, 0x2000, 0x4000])
def test_arrays_that_overlap(step, made, cli, tmp_path):
    """A page belongs to one array, whatever the order of the blocks in which it lies."""
    at, listed = 0x2000_0000, list[tuple[int, int]]()
    raw = memfd.build_folios((PFN + n, n, 3) for n in range(4)).ljust(1 << 16, b"\0")
    made.machine.memory[at] = raw
    for n, first in enumerate((at, at + step)):
        chunk = made.page("chunk", vmalloc.Chunk(0, array("Q", [first])).build(4096))
        ser = memfd.MemfdSer(0, 4 << 12, 0, 0, 4, vmalloc.KhoVmalloc(chunk, 4, 1, 2))
        listed.append((n, made.page("memfd", ser.build())))
        made.blocks.append((first, 2))
    made.blocks += [(PFN + n << 12, 0) for n in range(4)]
    made.handover(made.blob([made.session("vm", listed)]))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    told = [p["message"] for p in h["problems"] if p["code"] == "HP908"]
    assert (len(told) == 1) == (step < 0x4000)
    assert all(message.startswith('session "vm", token 1: ') for message in told)


@pytest.mark.parametrize("flags", [0, 1, 2, 4, 0x8001])
def test_flags_of_the_array(flags, made, file_of):
    """The kernel translates the two that it knows, and drops the rest."""
    data = made.memfd(_singles(3))
    made.machine.poke(data + memfd.AREA + 12, "<H", flags)
    file, told = file_of(data)
    assert (_runs(file), told) == ([(0, PFN, 3, 0, 3)], {})


def test_the_order_is_that_of_the_trackers_block(made, file_of):
    """Whatever the place of the next folio says: what is restored is the block."""
    data = made.memfd([(PFN, 0, 2), (PFN + 4, 4, 0)])
    made.blocks.remove((PFN << 12, 2))
    made.blocks.append((PFN << 12, 1))
    file, told = file_of(data)
    assert _runs(file)[0] == (0, PFN, 1, 1, 3)
    assert f"1 folio, the first at PFN 0x{PFN:x}" in told["HP907"]


@pytest.mark.parametrize("pfn", [PFN + 1, PFN + 4, PFN + 7])
def test_a_folio_that_begins_inside_a_block(pfn, made, file_of):
    """A folio is one block: inside a larger one nothing can be restored."""
    data = made.memfd([(pfn, 0, 0)])
    made.blocks.remove((pfn << 12, 0))
    made.blocks.append((PFN << 12, 3))
    file, told = file_of(data)
    assert _runs(file) == [(0, pfn, 1, None, 3)]
    assert f"1 folio, the first at PFN 0x{pfn:x}, where no preserved block starts" in told["HP906"]


def test_orders_of_a_tracker_that_cannot_be_listed(cli, tmp_path):
    """kho-v2 with 16 KiB pages: each key is asked for. A huge page is of order 11."""
    made, pfn = Orchestrator(Machine(arch="arm64", page_size=16384)), 0x20000
    data = made.memfd([(pfn + 0x800, 0, 11), (pfn, 2048, 0), (pfn + 8, 2049, 3)])
    made.blocks.remove((pfn + 8 << 14, 3))
    made.handover(made.blob([made.session("vm", [(1, data)])]), kho=2)
    got = cli("decode", "--json", made.machine.save(tmp_path), "--page-size", 16384)
    (h,) = got.json["handovers"]
    assert _runs(h["luo"]["sessions"][0]["files"][0]) == [
        (0, pfn + 0x800, 1, 11, 3), (2048, pfn, 1, 0, 3), (2049, pfn + 8, 1, None, 3),
    ]  # fmt: skip
    told = {p["code"]: p["message"] for p in h["problems"]}
    assert f"1 folio, the first at PFN 0x{pfn + 8:x}, where no preserved" in told["HP906"]


def _without_tracker(made: Orchestrator, data: int, folder: Path, pfns: list[int]) -> Path:
    h = made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=pfns)
    for node in h.nodes:
        del made.machine.memory[node]
    (folder / "iomem").write_text(IOMEM)
    return made.machine.save(folder)


def test_without_the_tracker_orders_follow_from_the_next_folio(made, cli, tmp_path):
    """All but the last one's, which reaches to the end of the file, and perhaps far behind it."""
    data = made.memfd([(PFN + 0x200, 0, 9), (PFN, 512, 0), (PFN + 8, 513, 3)], size=521 << 12)
    bad = [PFN, PFN + 0x201, PFN + 8, PFN + 15, PFN + 16]
    path = _without_tracker(made, data, tmp_path, bad)
    (h,) = cli("decode", "--json", path).json["handovers"]
    assert _runs(h["luo"]["sessions"][0]["files"][0]) == [
        (0, PFN + 0x200, 1, 9, 3), (512, PFN, 1, 0, 3), (513, PFN + 8, 1, None, 3),
    ]  # fmt: skip
    assert not {"HP906", "HP907"} & {p["code"] for p in h["problems"]}
    got: Result = cli("validate", "--json", path, "--memmap", tmp_path / "iomem")
    told = {
        r["first"]: (r["code"], r["owner"]["order"], r["owner"]["index"])
        for r in got.json["runs"]
        if r["owner"]
    }
    assert told == {
        PFN: ("HP920", 0, 512), PFN + 0x201: ("HP921", 9, 1), PFN + 8: ("HP918", None, 513),
        PFN + 15: ("HP918", None, 520),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seals", "size", "told"),
    [
        (0x3F, 4096, False),
        (0x40, 4096, True),
        (1 << 31, 4096, True),
        (0, ((1 << 32) - 1) << 12, False),
        (0, (((1 << 32) - 1) << 12) + 1, True),
    ],
)
def test_what_the_kernel_refuses(seals, size, told, made, file_of):
    data = made.memfd([(PFN, 0, 0)], seals=seals, size=size)
    _, problems = file_of(data)
    assert ("HP905" in problems) == told


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 0xFFF])
def test_flags_of_a_folio(flags, made, file_of):
    data = made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)])
    made.machine.poke(made.places["array"][0] + 6, "<H", flags << 4)
    file, _ = file_of(data)
    assert [run["flags"] for run in file["runs"]] == ([flags, 3] if flags != 3 else [3])


@pytest.mark.parametrize("index", [(1 << 64) - 1, 1 << 63])
def test_a_place_that_no_file_has(index, made, cli, tmp_path):
    data = made.memfd([(PFN, 0, 2)])
    made.machine.poke(made.places["array"][0] + 8, "<Q", index)
    made.handover(made.blob([made.session("vm", [(1, data)])]), pfns=[PFN + 3])
    (tmp_path / "iomem").write_text(IOMEM)
    path = made.machine.save(tmp_path)
    (h,) = cli("decode", "--json", path).json["handovers"]
    assert "HP907" in [p["code"] for p in h["problems"]]
    (run,) = cli("validate", "--json", path, "--memmap", tmp_path / "iomem").json["runs"]
    assert run["owner"]["beyond_end"]
    assert run["owner"]["index"] < 1 << 64  # as the schema says


@pytest.mark.parametrize(("page_size", "arch"), [(4096, "x86_64"), (65536, "arm64")])
def test_a_pfn_that_no_memory_has(page_size, arch, cli, tmp_path, subtests):
    """Of 52 bits of PFN some have no address of 64 bits."""
    made = Orchestrator(Machine(page_size, arch, at=0x1000_0000))
    files = [(n, made.memfd([((1 << 52) - 1, 0, 0)])) for n in range(2)]
    made.blocks = [(phys, order) for phys, order in made.blocks if phys < 1 << 48]
    made.handover(made.blob([made.session("vm", files)]))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    for code in ("HP906", "HP908"):
        with subtests.test(code):
            found = [p for p in h["problems"] if p["code"] == code]
            assert found
            assert [p for p in found if "0xfffffffffffff" not in p["message"]] == []
            phys = (1 << 52) - 1 << 12 if page_size == 4096 else None
            assert {p["phys"] for p in found} == {phys}
