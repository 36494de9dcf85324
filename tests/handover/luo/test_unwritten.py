"""Memfds whose sessions are not written yet, found among millions of a guest's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.abi import memfd
from hwpkho.handover.luo import unwritten
from hwpkho.images.elf import open_elf
from hwpkho.images.files import FileBytes
from tests.support import forked
from tests.support.examples import much
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import PFN

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def made() -> Orchestrator:
    return Orchestrator(Machine(arch="x86_64", at=0x1000_0000))


@pytest.fixture
def found(made, cli, tmp_path) -> Callable[[], list[Any]]:
    """Return a function: the memfds that decode finds."""

    def run() -> list[Any]:
        made.handover(made.blob([], sessions_pa=0))
        got = cli("decode", "--json", made.machine.save(tmp_path))
        assert got.code in (0, 1), got.err
        (h,) = got.json["handovers"]
        assert (h["luo"]["state"], h["luo"]["sessions"]) == ("not-serialized", [])
        return [o for o in h["preserved"] if o["kind"] == "memfd-v2"]

    return run


@pytest.mark.parametrize("folios", [
    [(PFN, 0, 0)],
    [(PFN, 0, 9)],
    [(PFN + 8, 0, 3), (PFN + 1, 8, 0), (PFN + 0x200, 9, 9)],
    [(PFN + n, n, 0) for n in range(600)],
])  # fmt: skip
def test_what_a_kernel_makes_is_found(folios, made, found):
    made.memfd(folios)
    (file,) = found()
    assert file["bytes"] == sum(4096 << order for _, _, order in folios)
    assert (file["session"], file["token"]) == (None, None)


def test_pages_that_look_like_a_memfd_and_are_none_are_bounded(made, cli, tmp_path, monkeypatch):
    """Each is tried, which costs more than a look; a guest's pages are none by chance."""
    monkeypatch.setattr(unwritten, "MAX_FALSE", 3)
    at = [made.memfd([(PFN, 0, 0)], nr_folios=2) for _ in range(4)]
    data = made.memfd([(PFN + 1, 0, 0)])
    made.handover(made.blob([], sessions_pa=0))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    assert data > at[2]
    assert not [o for o in h["preserved"] if o["kind"] == "memfd-v2"]
    told = [p for p in h["problems"] if p["code"] == "HP909" and "look like" in p["message"]]
    assert [p["phys"] for p in told] == [at[2]]


def test_segments_that_show_the_same_bytes_are_searched_once(made, cli, tmp_path):
    """The bytes of a memfd's structure at nine addresses."""
    data = made.memfd([(PFN, 0, 0)])
    made.handover(made.blob([], sessions_pa=0))
    source = open_elf(FileBytes(str(made.machine.save(tmp_path))))
    assert sum(size for _, size in source.data()) == sum(map(len, made.machine.memory.values()))
    image = bytearray((tmp_path / "memory.elf").read_bytes())
    number = sorted(made.machine.memory).index(data) + 1
    header = bytes(image[64 + 56 * number : 120 + 56 * number])
    count = int.from_bytes(image[56:58], "little")
    table = bytes(image[64 : 64 + 56 * count])
    places = [(data + (n << 30)).to_bytes(8, "little") for n in range(1, 9)]
    more = [header[:24] + place + header[32:] for place in places]
    image[32:40] = len(image).to_bytes(8, "little")
    image[56:58] = (count + 8).to_bytes(2, "little")
    (tmp_path / "memory.elf").write_bytes(image + table + b"".join(more))
    again = open_elf(FileBytes(str(tmp_path / "memory.elf")))
    assert [*again.data()] == [*source.data()]
    assert sum(1 for _ in again.extents()) == sum(1 for _ in source.extents()) + 8


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [
        (16, "<I", 0x40),  # a seal that there is not
        (20, "<I", 1),  # flags
        (24, "<Q", 0),  # folios
        (24, "<Q", 3),  # more than the array has
        (24, "<Q", 1 << 63),
        (32, "<Q", 0),  # no chunk
        (32, "<Q", PFN << 12),  # a chunk in the guest's memory
        (32, "<Q", 0x7000_0000),  # one that is not preserved
        (40, "<I", 2),  # more pages than the folios need
        (44, "<H", 4),  # a flag that no kernel sets
        (46, "<H", 1),  # an array of larger blocks
        (8, "<Q", 1 << 60),  # a size that is refused
    ],
)
def test_what_no_kernel_makes_is_not(offset, form, value, made, found):
    at = made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)])
    made.machine.poke(at + offset, form, value)
    assert found() == []


@pytest.mark.parametrize(
    ("entry", "word", "index"),
    [
        (0, PFN | 3 << 52, 1),  # it does not begin at the first page
        (1, (PFN + 1) | 3 << 52, 0),  # it goes back
        (1, (PFN + 1) | 3 << 52, 7),  # a hole
        (1, 0x99999 | 3 << 52, 1),  # a folio that is not preserved
    ],
)
def test_folios_that_no_kernel_makes(entry, word, index, made, found):
    made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)])
    made.machine.poke(made.places["array"][0] + entry * memfd.FOLIO, "<2Q", word, index)
    assert found() == []


def test_a_guest_has_the_same_bytes(made, found):
    """It may run a kernel of its own; no array is two files'."""
    at = made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)])
    made.machine.memory[PFN << 12] = made.machine.memory[at]
    (file,) = found()
    assert file["ranges"] == [[PFN, PFN + 1]]


def test_guests_pages_cost_little(tmp_path):
    """Single pages, each of which might be such a structure, with and without their content."""
    pages = much(1 << 13, 1 << 18)
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000, gap=0))
    made.memfd([(PFN + n, n, 0) for n in range(pages)])
    for n in range(0, pages // 2, 256):
        made.machine.memory[PFN + n << 12] = (bytes(range(1, 256)) * 4113)[: 1 << 20]
    made.handover(made.blob([], sessions_pa=0))
    path = made.machine.save(tmp_path)
    # It took three times as long with a parser for each.
    cost = forked.within(0.6 + pages * 12e-6, "decode", path)
    assert cost.code == 0
    assert f"folios: {pages} of order 0".encode() in cost.out
