"""Lists that hwpkho writes, as real kernels take them: a parameter, scripts, an e820 table."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.base.addresses import runs
from tests.kernel import handing, rig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Cli = Callable[..., Any]

#: PFNs of 4 KiB in the RAM of x86 guests, which ends at 1 GiB: alone, neighbours, at odd places.
BAD = [0x20001, 0x20003, *range(0x21010, 0x21023), 0x2FFFF, 0x30000, 0x38000]
#: Where the setup_data node lies; only the list's next pointer in the kernel's file leads there.
NODE = 0x1000_0000
#: Of the setup header, in every bzImage: offset of the u64 (Documentation/arch/x86/boot.rst).
_SETUP_DATA = 0x250


def system_ram(iomem: Path) -> list[tuple[int, int]]:
    """Return the ranges of ``System RAM``, bytes, ends exclusive."""
    found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM$", iomem.read_text(), re.MULTILINE)
    return [(int(a, 16), int(b, 16) + 1) for a, b in found]


def pages_of(ranges: Iterable[tuple[int, int]]) -> set[int]:
    """Return the pages that are wholly in ``ranges``."""
    return {p for a, b in ranges for p in range(-(-a >> 12), b >> 12)}


def listed(work: Path, pfns: Iterable[int]) -> Path:
    """Return a file with a list."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / "bad.txt"
    path.write_text("\n".join(map(hex, pfns)) + "\n")
    return path


@pytest.mark.any_consumer
@pytest.mark.parametrize("kind", ["x86_64"])
def test_memmap_takes_the_pages_out_of_ram(
    kernel_of: Callable[[str], rig.Kernel], cli: Cli, work: Path, kind: str
) -> None:
    parameter = cli("list", listed(work, BAD), "--to", "memmap").out.strip()
    plain = rig.Guest(kernel_of(kind), work / "plain", handing.LOOK).boot()
    cut = rig.Guest(kernel_of(kind), work / "cut", handing.LOOK, args=parameter).boot()
    before, after = (pages_of(system_ram(run.out / "iomem")) for run in (plain, cut))
    assert before - after == set(BAD)
    assert after <= before


@pytest.mark.any_consumer
@pytest.mark.parametrize("kind", ["x86_64"])
def test_an_edited_e820_table_takes_them_out(
    kernel_of: Callable[[str], rig.Kernel], cli: Cli, work: Path, kind: str
) -> None:
    """The table comes as setup_data, whose list begins in the header of the kernel's own file."""
    kernel = kernel_of(kind)
    plain = rig.Guest(kernel, work / "plain", handing.LOOK).boot()
    log = work / "plain" / "console.log"
    node = work / "node"
    args = ("--to", "setup-data", "--memmap", log, "-o", node)
    made = cli("list", listed(work, BAD), *args)
    assert made.code == 0, made.err
    image = bytearray(kernel.image.read_bytes())
    struct.pack_into("<Q", image, _SETUP_DATA, NODE)
    (work / "bzImage").write_bytes(image)
    guest = rig.Guest(kernel, work / "cut", handing.LOOK, loads=[(node, NODE)])
    guest.image = work / "bzImage"
    cut = guest.boot()
    assert "extended physical RAM map" in cut.log
    before, after = (pages_of(system_ram(run.out / "iomem")) for run in (plain, cut))
    # The node itself stays reserved, too.
    around = set(range(NODE >> 12, (NODE + node.stat().st_size + 0xFFF) >> 12))
    assert (before - after) - around == set(BAD)
    unusable = re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) : Unusable memory$",
        (cut.out / "iomem").read_text(),
        re.MULTILINE,
    )
    assert [(int(a, 16) >> 12, int(b, 16) >> 12) for a, b in unusable] == list(runs(BAD))


@pytest.mark.any_consumer
@pytest.mark.parametrize(
    ("kind", "form"),
    [("x86_64", "offline-script"), ("x86_64", "inject-script"), ("arm64-64k", "inject-script")],
)
def test_scripts_poison_the_pages(
    kernel_of: Callable[[str], rig.Kernel], cli: Cli, work: Path, kind: str, form: str
) -> None:
    kernel = kernel_of(kind)
    pfns = BAD if kernel.page_size == 4096 else [0x6001, *range(0x6100, 0x6104), 0x6FFF]
    args = ("--to", form, "--page-size", kernel.page_size)
    script = cli("list", listed(work, pfns), *args)
    assert script.code == 0, script.err
    run = "sh script\n" + handing.LOOK
    guest = rig.Guest(kernel, work, run, {"script": script.out.encode()})
    guest.memory = 1024
    assert guest.boot().poisoned == sorted(pfns)
