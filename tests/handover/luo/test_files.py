"""A handler of files that is registered: every command knows its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.abi import luo
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN
from tests.toys import luo_file as toy
from tests.toys import luo_flb as toy_flb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def toy_files() -> Iterator[None]:
    toy.register()
    yield
    toy.unregister()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a machine with a toy file of two folios of order 3, whose sixth page is bad."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    data = made.page("toy", toy.page(PFN, 3, 2))
    made.blocks += [(PFN << 12, 3), (PFN + 8 << 12, 3)]
    files = made.chain("files", [luo.File(toy.NAME.encode(), data, 7)], 63)
    made.handover(made.blob([luo.Session(b"vm", files, 1)]), pfns=[PFN + 5])
    (tmp_path / "iomem").write_text(IOMEM)
    return made.machine.save(tmp_path)


@pytest.mark.usefixtures("toy_files")
def test_its_files_are_decoded(image, cli):
    got = cli("decode", "--json", image)
    (h,) = got.json["handovers"]
    (file,) = h["luo"]["sessions"][0]["files"]
    assert (file["compatible"], file["token"], file["size"]) == (toy.NAME, 7, None)
    assert file["runs"] == [{"index": 0, "pfn": PFN, "folios": 2, "order": 3, "flags": 0}]
    (kept,) = [o for o in h["preserved"] if o["kind"] == toy.NAME]
    assert (kept["session"], kept["token"], kept["ranges"]) == ("vm", 7, [[PFN, PFN + 15]])
    assert "unknown" not in [o["kind"] for o in h["preserved"]]
    assert not [p for p in h["problems"] if p["code"].startswith("HP9")]
    text = cli("decode", image).out
    assert "token 7  toy-file-v1  data 0x10000000, folios: 2 of order 3" in text
    assert "LUO toy page at 0x10000000" in (out := cli("decode", "--annotate", image).out)
    assert "folios 2" in out


@pytest.mark.usefixtures("toy_files")
def test_its_memory_is_judged_and_captured(image, cli, tmp_path):
    args = ("--memmap", tmp_path / "iomem")
    got = cli("validate", "--json", image, *args)
    (run,) = got.json["runs"]
    assert (run["verdict"], run["code"]) == ("preserved", "HP921")
    assert run["owner"] == {
        "session": "vm", "token": 7, "compatible": toy.NAME, "index": 5, "order": 3,
        "beyond_end": False,
    }  # fmt: skip
    assert cli("capture", image, "-o", tmp_path / "crop.elf").code == 0
    again = cli("validate", "--json", tmp_path / "crop.elf", *args)
    assert again.json["runs"] == got.json["runs"]


def test_without_it_they_are_named(image, cli):
    (h,) = cli("decode", "--json", image).json["handovers"]
    assert h["luo"]["sessions"][0]["files"][0]["runs"] is None
    assert "toy-file-v1 is not known" in str(h["problems"])
    (kept,) = [o for o in h["preserved"] if o["kind"] == toy.NAME]
    assert (kept["session"], kept["token"], kept["ranges"]) == ("vm", 7, [[0x10000, 0x10000]])
    line = "token 7  toy-file-v1  data 0x10000000, 4 KiB preserved there\n"
    assert line in cli("decode", image).out


@pytest.fixture
def toy_flbs() -> Iterator[None]:
    toy_flb.register()
    yield
    toy_flb.unregister()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Return a machine with a toy FLB in a block of two pages, the second of which is bad."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    made.machine.memory[PFN << 12] = b"\1\2\3\4".ljust(8192, b"\0")
    made.blocks.append((PFN << 12, 1))
    flbs = [luo.Flb(toy_flb.NAME.encode(), PFN << 12, 3)]
    made.handover(made.blob([], flbs), pfns=[PFN + 1])
    (tmp_path / "iomem").write_text(IOMEM)
    return made.machine.save(tmp_path)


@pytest.mark.usefixtures("toy_flbs")
def test_an_flb_is_luos_own(shared, cli, tmp_path):
    (h,) = cli("decode", "--json", shared).json["handovers"]
    assert toy_flb.NAME not in [o["kind"] for o in h["preserved"]]
    assert "unknown" not in [o["kind"] for o in h["preserved"]]
    out = cli("decode", "--annotate", shared).out
    assert "LUO toy FLB at 0x50000000, 4 bytes" in out
    assert "toy 01020304" in out
    got = cli("validate", "--json", shared, "--memmap", tmp_path / "iomem")
    assert [(r["verdict"], r["code"]) for r in got.json["runs"]] == [("handover", "HP923")]


def test_without_it_the_flb_owns_its_block(shared, cli, tmp_path):
    (h,) = cli("decode", "--json", shared).json["handovers"]
    (kept,) = [o for o in h["preserved"] if o["kind"] == toy_flb.NAME]
    assert (kept["name"], kept["ranges"]) == (f"FLB {toy_flb.NAME}", [[PFN, PFN + 1]])
    got = cli("validate", "--json", shared, "--memmap", tmp_path / "iomem")
    assert [(r["verdict"], r["code"]) for r in got.json["runs"]] == [("in-use", "HP926")]
    assert f"FLB {toy_flb.NAME}" in cli("validate", shared, "--memmap", tmp_path / "iomem").out
