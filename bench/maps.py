"""The figures of memory maps in long logs.

Reading the map of a log of 25 MiB is compared with a loop over the same log's lines, in one process
and in turn with it, so that a busy machine slows both; the best of some runs counts.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from bench import figures
from hwpkho.memmap import e820_names, read_memmap
from hwpkho.memmap.model import Entry
from tests.support import captures, mapfiles

if TYPE_CHECKING:
    from pathlib import Path


def boot_log() -> list[str]:
    """Return what a real kernel logged, with the e820 map and the whole EFI map."""
    path = captures.CAPTURES / "x86-efi" / "dmesg.txt"
    return path.read_text(errors="replace").splitlines()


def prolonged(head: list[str], lines: int) -> str:
    """Return ``lines`` lines: ``head``, and then lines that have nothing to do with a map."""
    rng = random.Random(1)
    ours = ("0x", "e820", "RAM map", "Linux version")
    later = [text for text in boot_log() if not any(word in text for word in ours)]
    return "\n".join([*head, *rng.choices(later, k=lines - len(head))]) + "\n"


def heads() -> dict[str, list[str]]:
    """Return the beginnings of logs by the maps that their kernels print.

    The real arm64 log has a virtual machine's few descriptors; a server has as many as the x86 log.
    """
    x86 = boot_log()
    arm64 = mapfiles.text_of("02b-dmesg-efi-arm64/qemu-arm64-7.3.4.txt").splitlines()
    at, few = next((i, t) for i, t in enumerate(arm64) if "efi:   0x" in t)
    stamp, body = few[: few.index("0x")], few[few.index(" [Conv") :]
    many = [
        f"{stamp}0x{start:012x}-0x{start + 0xFFFF:012x}{body}"
        for start in range(0x1000000, 0x1000000 + (230 << 16), 1 << 16)
    ]
    arm64 = [*arm64[:at], *many, *(t for t in arm64[at:] if "efi:   0x" not in t)]
    usable = [Entry(i << 20, (i << 20) + 0xFFFF, "usable") for i in range(130)]
    e820 = [f"[    0.000000] {text}" for text in e820_names.write(usable).splitlines()]
    rest = [t for t in x86[1:] if "e820" not in t and "efi: mem" not in t]
    return {
        "e820 map": [t for t in x86 if "efi: mem" not in t],
        "e820 map of 130 entries": [x86[0], *e820, *rest],
        "EFI map of x86, 230 lines": x86,
        "EFI map of arm64, 230 lines": arm64,
    }


def best(path: Path, times: int) -> tuple[float, float]:
    """Return the best times of the loop and of reading the map, in seconds."""
    loop = reading = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        with path.open(encoding="utf-8", errors="replace") as log:
            for _ in log:
                pass
        between = time.perf_counter()
        read_memmap([str(path)])
        end = time.perf_counter()
        loop, reading = min(loop, between - start), min(reading, end - between)
    return loop, reading


def measure(folder: Path) -> None:
    """Run and print."""
    log = folder / "dmesg.txt"
    for what, head in heads().items():
        log.write_text(prolonged(head, 400_000))
        size = log.stat().st_size >> 20
        loop, reading = best(log, 7)
        figures.line(
            f"a log of {size} MiB, {what} ({reading:.2f} s)",
            f"{reading / loop:.2f} x",
            "<= 5 x and 0.5 s",
            met=reading <= min(5 * loop, 0.5),
        )
    log.write_text(prolonged(boot_log(), 1_000_000))
    million = figures.hwpkho(folder, "memmap", "--json", log)
    million.once()
    peak = million.peak >> 20
    figures.line(
        f"a million lines ({million.seconds:.2f} s), peak memory",
        f"{peak} MiB",
        "<= 100 MiB",
        met=peak <= 100,
    )
