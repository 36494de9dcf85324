"""Runs commands in turn and prints what they cost, beside what is aimed at."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.support import measure
from tests.support.handovers import Machine

_MIB = 1 << 20


class Run:
    """The best time and the largest peak of several runs of one command."""

    def __init__(self, args: list[str], folder: Path) -> None:
        self.args, self.folder = args, folder
        self.seconds, self.cpu, self.peak, self.out = float("inf"), float("inf"), 0, b""

    def once(self) -> None:
        """Run it."""
        cost = measure.run(self.args, self.folder, 1 << 40)
        if cost.code:
            raise SystemExit(f"bench: {' '.join(self.args)} failed: {cost.err.decode()[-200:]}")
        self.seconds, self.cpu = min(self.seconds, cost.wall), min(self.cpu, cost.cpu)
        self.peak = max(self.peak, cost.peak)
        self.out = cost.out


def together(runs: list[Run], times: int) -> None:
    """Run commands in turn, so that all meet the same load."""
    for _ in range(times):
        for run in runs:
            run.once()


def hwpkho(folder: Path, *args: object) -> Run:
    """Return a run of the program, by its script where it is installed."""
    script = Path(sys.executable).with_name("hwpkho")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "hwpkho"]
    return Run([*program, *map(str, args)], folder)


def line(what: str, value: str, aim: str, *, met: bool) -> None:
    """Print one figure."""
    print(f"{what:<52} {value:>12}   aim {aim:<12} {'' if met else 'MISSED'}".rstrip(), flush=True)


def ratio(what: str, run: Run, base: Run, aim: float) -> None:
    """Print a time as a ratio."""
    value = run.seconds / base.seconds
    line(f"{what} ({run.seconds:.3f} s)", f"{value:.2f} x", f"<= {aim:g} x", met=value <= aim)


def memory(what: str, run: Run, touched: int) -> None:
    """Print how much more a peak is than the bytes that must be touched."""
    over = run.peak - touched
    line(
        f"  peak memory of {what} ({run.peak / _MIB:.0f} MiB)",
        f"{over / _MIB:.0f} MiB more",
        "<= 30 MiB",
        met=over <= 30 * _MIB,
    )


def many_pfns(folder: Path) -> tuple[Path, int]:
    """Make a capture of 1 Mi PFNs in 2048 scattered array pages, five chunks."""
    rng = random.Random(1)
    m = Machine(arch="x86_64", gap=3)
    m.handover([rng.randrange(1 << 24) for _ in range(1 << 20)])
    return m.save(folder, "many.elf"), sum(map(len, m.memory.values()))
