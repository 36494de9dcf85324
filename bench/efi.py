"""Figures of EFI tables of poisoned memory: those of a large machine, and the largest usual one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bench import figures
from tests.support import efi

if TYPE_CHECKING:
    from pathlib import Path


def _table(size: int, bits: bytes) -> bytes:
    return efi.table((), size=0, says=size) + bits


def measure(folder: Path) -> None:
    """Run and print."""
    rng = random.Random(4)
    few = bytearray(64 << 10)  # 2 MiB units of 1 TiB
    for _ in range(200):
        few[rng.randrange(len(few))] |= 1 << rng.randrange(8)
    half = rng.randbytes(4 << 20)  # half of the bits, each alone or nearly so; 2^46 bytes
    for name, bits, aim in (("1 TiB, 200 units", bytes(few), 0.2), ("4 MiB, half set", half, 1.0)):
        raw = _table(len(bits), bits)
        at = efi.TABLE
        table, core = folder / "efi.bin", folder / "efi.elf"
        table.write_bytes(raw)
        core.write_bytes(efi.image({at: raw}, entries=(efi.entry(at),)))
        runs = [
            ("decode of the table", figures.hwpkho(folder, "decode", "--from", "efi-table", table)),
            ("decode of an image", figures.hwpkho(folder, "decode", core)),
        ]
        if len(bits) < 1 << 20:  # a document of the other has eight million ranges
            runs.append(("decode --json of it", figures.hwpkho(folder, "decode", "--json", core)))
        figures.together([run for _, run in runs], 5)
        for what, run in runs:
            said = f"EFI table, {name}: {what}"
            figures.line(said, f"{run.seconds:.3f} s", f"<= {aim:g} s", met=run.seconds <= aim)
        figures.memory("decode of an image", runs[1][1], core.stat().st_size)
