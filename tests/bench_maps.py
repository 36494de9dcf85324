"""The figures of memory maps in long logs, for tests/bench.py.

Reading a map is compared with a loop over the same log's lines, in one process and in turn with
it, so that a busy machine slows both; the best of many runs counts.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import bench
import captures

from hwpkho.maps import read_memmap

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
    whole = boot_log()
    log = folder / "dmesg.txt"
    for what, head in (
        ("", [text for text in whole if "efi: mem" not in text]),
        (", EFI map included", whole),
    ):
        log.write_text(prolonged(head, 10_000))
        loop, reading = best(log, 60)
        bench.line(
            f"10 000 lines of dmesg{what} ({reading * 1e3:.1f} ms)",
            f"{reading / loop:.2f} x",
            "<= 3 x",
            met=reading <= 3 * loop,
        )
    log.write_text(prolonged(whole, 1_000_000))
    million = bench.hwpkho(folder, "memmap", "--json", log)
    million.once()
    peak = million.peak >> 20
    bench.line(
        f"a million lines ({million.seconds:.2f} s), peak memory",
        f"{peak} MiB",
        "<= 100 MiB",
        met=peak <= 100,
    )
