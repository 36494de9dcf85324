"""FLBs of PCI devices, as patches on the list have them."""

from __future__ import annotations

import pytest

from hwpkho.abi import luo, luo_pci
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN

_DEVICES = [luo_pci.PciDevice(0, 0x00FA), luo_pci.PciDevice(1, 0x0100)]
_NAMES = ["0000:00:1f.2", "0001:01:00.0"]


def _machine(raw: bytes, order: int = 0, at: int = PFN << 12) -> Orchestrator:
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    made.machine.memory[at] = raw.ljust(4096 << order, b"\0")
    made.blocks.append((at, order))
    return made


@pytest.mark.parametrize("order", [0, 1])
def test_its_devices(order, cli, tmp_path):
    made = _machine(luo_pci.build(_DEVICES, 300), order)
    made.handover(made.blob([], [luo.Flb(b"pci-v1", PFN << 12, 2)]), pfns=[PFN])
    path = made.machine.save(tmp_path)
    (h,) = cli("decode", "--json", path).json["handovers"]
    (flb,) = h["luo"]["flbs"]
    assert (flb["devices"], flb["count"]) == (_NAMES, 2)
    assert "unknown" not in [o["kind"] for o in h["preserved"]]
    size = "4 KiB" if not order else "8 KiB"
    line = f"FLB pci-v1 2 files data 0x50000000, {size} preserved there, 2 devices: "
    assert line + ", ".join(_NAMES) in cli("decode", path).said
    out = cli("decode", "--annotate", path).out
    assert "LUO list of PCI devices at 0x50000000, 24 bytes" in out
    assert "device 1: 0001:01:00.0" in out
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", path, "--memmap", tmp_path / "iomem")
    assert [(r["verdict"], r["code"]) for r in got.json["runs"]] == [("handover", "HP923")]
    assert cli("capture", path, "-o", tmp_path / "crop.elf").code == 0
    (again,) = cli("decode", "--json", tmp_path / "crop.elf").json["handovers"]
    assert (again["luo"], again["preserved"]) == (h["luo"], h["preserved"])


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"\xff" * 4096, PFN << 12),
        (luo_pci.build(_DEVICES, 2), (PFN << 12) + 8),  # inside a block: no address
        (luo_pci.build(_DEVICES, 2), 0xFEEDF00DCAFEBEE0),
        ((1).to_bytes(4, "little") + (512).to_bytes(4, "little"), PFN << 12),
    ],
)
def test_what_is_no_list_of_devices(raw, data, cli, tmp_path):
    """It is named, like an FLB of a handler that nobody knows."""
    made = _machine(raw)
    made.handover(made.blob([], [luo.Flb(b"pci-v1", data, 2)]))
    got = cli("decode", "--json", made.machine.save(tmp_path))
    (h,) = got.json["handovers"]
    (flb,) = h["luo"]["flbs"]
    assert (flb["name"], flb["devices"]) == ("pci-v1", None)
    assert (flb["block"] is not None) == (data == PFN << 12)


def test_eight_devices_are_named(cli, tmp_path):
    made = _machine(luo_pci.build([luo_pci.PciDevice(0, n) for n in range(100)], 100))
    made.handover(made.blob([], [luo.Flb(b"pci-v1", PFN << 12, 2)]))
    said = cli("decode", made.machine.save(tmp_path)).said
    named = ", ".join(str(luo_pci.PciDevice(0, n)) for n in range(8))
    assert f"100 devices: {named} and 92 more preserved " in said


def test_a_list_that_is_not_in_the_image(cli, tmp_path):
    made = _machine(b"")
    del made.machine.memory[PFN << 12]
    made.handover(made.blob([], [luo.Flb(b"pci-v1", PFN << 12, 1)]))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    assert h["luo"]["flbs"][0]["devices"] is None
