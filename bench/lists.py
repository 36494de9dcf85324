"""The figures of lists that are written and read back: a million pages without any order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bench import figures

if TYPE_CHECKING:
    from pathlib import Path


def measure(folder: Path) -> None:
    """Run and print."""
    pfns = random.Random(1).sample(range(1 << 28), 1 << 20)
    listed = folder / "million.txt"
    listed.write_text("\n".join(map(hex, pfns)) + "\n")
    for form, how in (("memmap", ["--budget", 1 << 30]), ("badram", []), ("cutmem", [])):
        out = folder / form
        to = figures.hwpkho(folder, "list", listed, "--to", form, *how, "-o", out, "-f")
        back = figures.hwpkho(folder, "list", out, "--to", "text", "-o", folder / "back", "-f")
        figures.together([to, back], 2)
        _line(f"1 Mi PFNs to {form}, {out.stat().st_size >> 20} MiB", to.seconds)
        _line("  and back", back.seconds)
        same = figures.hwpkho(folder, "diff", listed, folder / "back", "--summary")
        same.once()  # ends the run where they differ
    ascending = folder / "ascending.txt"
    ascending.write_text("\n".join(map(hex, sorted(pfns))) + "\n")
    where = ["--ram", "0x40000000:0x40000000", "--no-scratch", "-o", folder / "made.elf", "-f"]
    ordered, any_order = (figures.hwpkho(folder, "encode", x, *where) for x in (ascending, listed))
    figures.together([ordered, any_order], 3)
    figures.ratio("encode of 1 Mi PFNs without order, against ascending", any_order, ordered, 1.5)


def _line(what: str, seconds: float) -> None:
    figures.line(what, f"{seconds:.1f} s", "<= 5 s", met=seconds <= 5)
