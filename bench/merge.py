"""merge's and diff's figures."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bench import figures
from tests.support.handovers import Machine

if TYPE_CHECKING:
    from pathlib import Path


def fleet(folder: Path) -> list[Path]:
    """Write 100 lists of 100 000 PFNs, of which 90 % are shared, as of one fleet."""
    rng = random.Random(1)
    shared = rng.sample(range(1 << 26), 90_000)
    paths = []
    for number in range(100):
        own = [*shared, *rng.sample(range(1 << 26, 1 << 27), 10_000)]
        rng.shuffle(own)
        path = folder / f"list{number}.txt"
        path.write_text("\n".join(map(hex, own)) + "\n")
        paths.append(path)
    return paths


def captures(folder: Path) -> list[Path]:
    """Make two captures of 1 Mi PFNs of which the second lacks a few."""
    rng = random.Random(2)
    pfns = rng.sample(range(1 << 24), 1 << 20)
    paths = []
    for name, held in (("before", pfns), ("after", pfns[:-1000])):
        m = Machine(arch="x86_64", gap=3)
        m.handover(held)
        paths.append(m.save(folder, f"{name}.elf"))
    return paths


def measure(folder: Path) -> None:
    """Run and print."""
    merge = figures.hwpkho(folder, "merge", *fleet(folder), "-o", folder / "merged.txt", "--force")
    figures.together([merge], 3)
    seconds, peak = merge.seconds, merge.peak >> 20
    figures.line("merge of 100 lists of 100 000", f"{seconds:.1f} s", "<= 6 s", met=seconds <= 6)
    figures.line("  peak memory of it", f"{peak} MiB", "<= 250 MiB", met=peak <= 250)
    before, after = captures(folder)
    decodes = [figures.hwpkho(folder, "decode", "--json", path) for path in (before, after)]
    diff = figures.hwpkho(folder, "diff", "--summary", "--fail-on", "added", before, after)
    figures.together([*decodes, diff], 4)
    decodes[0].seconds += decodes[1].seconds
    figures.ratio("diff of two lists of 1 Mi, to decoding both", diff, decodes[0], 1.5)
