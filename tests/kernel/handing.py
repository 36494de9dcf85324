"""Hands what ``hwpkho encode`` writes to a guest, as a boot loader would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.kernel import lists, rig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: Where things are in the guests, far from what QEMU puts at the start of RAM (0x40000000).
RAM = 0x4000_0000

LOOK = """
cat /proc/iomem > /out/iomem
cp /proc/meminfo /out/meminfo
rig poisoned > /out/poisoned
"""


@dataclass(frozen=True)
class Ground:
    """Where a kernel with some page size has its scratch, and where handovers go, bytes."""

    memory: int
    scratch: tuple[int, int]
    place: tuple[int, int]
    bad: tuple[int, int]


def ground(page_size: int, pfns: int) -> Ground:
    """Return the places for a list of so many PFNs, ``page_size`` in bytes."""
    if page_size == 65536:
        # Producers want areas of 512 MiB there, and 8 193 pages are as much.
        return Ground(
            3072, (0x8000_0000, 512 << 20), (0x6000_0000, 64 << 20), (0xA000_0000, 0xF800_0000)
        )
    if pfns > 20_000:
        return Ground(
            2048, (0x5000_0000, 128 << 20), (0x6000_0000, 64 << 20), (0x7000_0000, 0xBF00_0000)
        )
    return Ground(
        1024, (0x5000_0000, 64 << 20), (0x6000_0000, 64 << 20), (0x6800_0000, 0x7F00_0000)
    )


def span(area: tuple[int, int]) -> str:
    """``START:SIZE``."""
    return f"0x{area[0]:x}:0x{area[1]:x}"


def consumer(revision: str, *, poison: bool = False, carry: bool = False) -> str:
    """Return the script line that loads the module."""
    words = ["[ -e /module.ko ] && insmod /module.ko", f"revision={revision.partition('-')[0]}"]
    words += ["poison=1"] * poison + ["carry=1"] * carry
    return " ".join(words) + "\n"


def encode(
    cli: Callable[..., Any],
    kernel: rig.Kernel,
    work: Path,
    pfns: Sequence[int],
    revision: str,
    *placed: str,
    more: Sequence[str] = (),
) -> rig.Guest:
    """Encode a list for the guest and return the guest, ready to boot on it."""
    work.mkdir(parents=True, exist_ok=True)
    where = ground(kernel.page_size, len(pfns))
    guest = rig.Guest(kernel, work, consumer(revision) + LOOK, memory=where.memory)
    listed = work / "list.txt"
    listed.write_text(lists.text(pfns))
    result = cli(
        "encode", listed, "--page-size", kernel.page_size, "--arch", "arm64",
        "--revision", revision, "--scratch", span(where.scratch),
        *(placed or ("--ram", span(where.place))), *more,
        "--dtb", guest.base_dtb(), "--to", "segments", "-o", work / "handover",
    )  # fmt: skip
    assert result.code == 0, result.err
    load(guest, work / "handover")
    return guest


def load(guest: rig.Guest, folder: Path) -> None:
    """Put the segments of a folder into the guest's memory, and hand over its device tree."""
    guest.loads = [(p, int(p.stem, 16)) for p in sorted(folder.glob("0x*.bin"))]
    guest.dtb = folder / "handover.dtb"
