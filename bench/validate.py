"""validate's figures: judging against decoding, and many cases in one call."""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING

from bench import figures
from tests.support import captures
from tests.support.handovers import Machine

if TYPE_CHECKING:
    from pathlib import Path

_CASES = 1000
_SMALL = ("x86-structv1-small", "arm64-4k-B", "x86-luo", "x86-fdtv1-small")


def measure(folder: Path) -> None:
    """Run and print."""
    _many_pfns(folder)
    _many_cases(folder)


def _many_pfns(folder: Path) -> None:
    """1 Mi PFNs, scattered and in runs of 256, against a map of 500 entries."""
    map_ = folder / "e820.txt"
    map_.write_text(_map(500))
    scattered, _ = figures.many_pfns(folder)
    rng = random.Random(3)
    m = Machine(arch="x86_64", gap=3)
    starts = rng.sample(range(1 << 16), 1 << 12)
    m.handover([(s << 8) + i for s in starts for i in range(256)])
    in_runs = m.save(folder, "runs.elf")
    for what, path, options in (
        ("scattered, reports", scattered, []),
        ("in runs of 256, reports", in_runs, []),
        ("in runs of 256, --json", in_runs, ["--json"]),
    ):
        decode = figures.hwpkho(folder, "decode", *options, path)
        validate = figures.hwpkho(
            folder, "validate", "--fail-on", "never", *options, path, "--memmap", map_
        )
        figures.together([decode, validate], 9)
        figures.ratio(f"validate against decode, 1 Mi PFNs {what}", validate, decode, 1.5)
    judged = figures.hwpkho(
        folder, "validate", "--fail-on", "never", "--json", scattered, "--memmap", map_
    )
    figures.together([judged], 3)
    figures.line(
        f"validate --json, 1 Mi PFNs scattered (84 MB, {judged.peak >> 20} MiB)",
        f"{judged.seconds:.1f} s",
        "<= 3 s",
        met=judged.seconds <= 3,
    )


def _map(entries: int) -> str:
    """An e820 map as a log has it: mostly RAM, with holes in it."""
    step = (1 << 36) // entries & -4096
    types = ("usable",) * 7 + ("reserved", "ACPI data", "usable")
    return "".join(
        f"BIOS-e820: [mem 0x{i * step:016x}-0x{(i + 1) * step - 1:016x}] {types[i % 10]}\n"
        for i in range(entries)
    )


def _many_cases(folder: Path) -> None:
    """1000 real captures with their maps, by a manifest and as folders."""
    cases = folder / "cases"
    cases.mkdir()
    for name in _SMALL:
        (folder / f"{name}.elf").write_bytes(captures.elf(name))
    manifest = folder / "cases.jsonl"
    lines = []
    for i in range(_CASES):
        name = _SMALL[i % len(_SMALL)]
        iomem = captures.CAPTURES / name / "iomem.txt"
        case = cases / f"{i:04}"
        case.mkdir()
        (case / "memory.elf").symlink_to(folder / f"{name}.elf")
        (case / "iomem.txt").symlink_to(iomem)
        lines.append(
            {"case": f"{i}", "inputs": [str(folder / f"{name}.elf")], "memmap": [str(iomem)]}
        )
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for what, path in (("a manifest", manifest), ("folders", cases)):
        for jobs in sorted({1, len(os.sched_getaffinity(0))}):
            run = figures.hwpkho(
                folder, "validate", "--json", "--batch", path, "--jobs", jobs, "--outside"
            )
            figures.together([run], 2)
            rate = _CASES / run.seconds
            figures.line(
                f"cases of {what} a second, {jobs} processes ({run.seconds:.2f} s)",
                f"{rate:.0f} /s",
                ">= 200 /s",
                met=rate >= 200,
            )


if __name__ == "__main__":
    import tempfile
    from pathlib import Path

    # As everywhere here: with compiled modules, as any installed program has them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="hwpkho-bench-") as scratch:
        measure(Path(scratch))
