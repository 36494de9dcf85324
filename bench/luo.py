"""Figures of guests' memory that LUO preserves: 4 TiB in folios of 2 MiB."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bench import figures
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator

if TYPE_CHECKING:
    from pathlib import Path

_FOLIOS, _FILES, _ORDER = 1 << 21, 8, 9
_MIB = 1 << 20


def measure(folder: Path) -> None:
    """Run and print."""
    rng = random.Random(5)
    places = list(range(_FOLIOS))
    rng.shuffle(places)
    made = Orchestrator(Machine(arch="x86_64", at=0x1_0000_0000))
    each = _FOLIOS // _FILES
    files = []
    for n in range(_FILES):
        mine = places[n * each : (n + 1) * each]
        folios = [((1 << 24) + (x << _ORDER), i << _ORDER, _ORDER) for i, x in enumerate(mine)]
        files.append((n, made.memfd(folios)))
    made.handover(made.blob([made.session("vm", files)]))
    core = made.machine.save(folder, "guests.elf")
    for what, args in (("decode", ()), ("decode --json", ("--json",))):
        run = figures.hwpkho(folder, "decode", *args, core)
        run.once()
        said = f"{what} of 4 TiB of guests' memory, scattered"
        figures.line(said, f"{run.seconds:.1f} s", "<= 10 s", met=run.seconds <= 10)
        peak = run.peak / _MIB
        figures.line("  peak memory", f"{peak:.0f} MiB", "<= 300 MiB", met=peak <= 300)
