"""What each generation makes of tables with one thing wrong: the matrix in docs/efi-table.md.

The tables are like those that were fed to real kernels on the machine of iomem-x86-512m.txt, in the
layout of the generation that reads them; where a real kernel was seen, outcomes.json has the case.
``python -m tests.support.efi_matrix`` writes the document anew.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.efi.reader import read_at
from hwpkho.images.elf import open_elf
from hwpkho.images.files import HeldBytes
from hwpkho.judging.efi_table.generations import GENERATIONS
from hwpkho.judging.efi_table.judge import judge_table
from hwpkho.judging.next_kernel import NextKernel
from hwpkho.memmap import read_memmap
from hwpkho.memmap.view.regions import view_of
from tests.support import ROOT
from tests.support.efi import EFI, TABLE, image, node, outcomes, table

if TYPE_CHECKING:
    from hwpkho.memmap.view.regions import Regions

DOCUMENT = ROOT / "docs" / "efi-table.md"
NODE = 0xF000000
Pieces = dict[int, bytes]
#: Layout that is read → the pieces; None where the condition makes no sense.
Made = Callable[[str], Pieces | None]


class Row(NamedTuple):
    """A condition: what it is, the table, the suffix of the cases measured, and its address."""

    what: str
    made: Made
    case: str
    at: int = TABLE


def _bitmap(**how: Any) -> Made:
    def made(layout: str) -> Pieces | None:
        if layout == "list" or (layout == "bitmap" and "base" in how):
            return None
        return {TABLE: table(layout=layout, **how)}

    return made


def _bad(units: Iterable[tuple[int, int]], pages: Iterable[int]) -> Made:
    """Bad units, or for a list bad pages, all in one node."""
    runs, entries = list(units), [(page, 4096) for page in pages]

    def made(layout: str) -> Pieces | None:
        if layout == "list":
            return {TABLE: node(following=NODE, room=0), NODE: node(entries)}
        return {TABLE: table(runs, layout, size=64 if runs and runs[-1][1] > 256 else 32)}

    return made


def _list(*nodes: bytes) -> Made:
    pieces = {NODE + 4096 * i: raw for i, raw in enumerate(nodes)}
    whole = {TABLE: node(following=NODE, room=0), **pieces}
    return lambda layout: whole if layout == "list" else None


def _any(raw: bytes) -> Made:
    return lambda _: {TABLE: raw}


def _apart(count: int) -> Made:
    """So many separate places, all above the first units and below the table's."""
    units = [(2 * n + 1, 2 * n + 2) for n in range(count + 1) if n != 60]
    return _bad(units[:count], [0x4000000 + 0x2000 * n for n in range(count)])


ROWS = (
    Row("three units, or 2 pages", _bad([(64, 66), (128, 129)], [1 << 27, 9 << 24]), "three-units"),
    Row("version 2", _bitmap(version=2), "version-2"),
    Row("size 0", _bitmap(units=(), says=0), "size-0"),
    Row("size 12: no whole words", _bitmap(units=[(60, 62)], size=12), "size-12"),
    Row("size 2^60", _bitmap(says=1 << 60), "size-2^60"),
    Row("size 2^61", _bitmap(says=1 << 61), "size-2^61"),
    Row("unit_size 2048", _bitmap(unit=2048), "unit-2048"),
    Row("unit_size 3 MiB", _bitmap(unit=3 << 20), "unit-3M"),
    Row("phys_base 0x1000", _bitmap(base=0x1000), "base-0x1000"),
    Row("phys_base above RAM", _bitmap(base=1 << 32), "base-above-ram"),
    Row("unit 0, or the first MiB", _bad([(0, 1)], range(0, 1 << 20, 4096)), "unit-0-bit"),
    Row("every bit set", _bitmap(units=[(0, 256)]), "all-bits"),
    Row("100 separate places", _apart(100), "scattered-100"),
    Row("120 separate places", _apart(120), "scattered-120"),
    Row("130 separate places", _apart(130), "scattered-130"),
    Row("a table of layout list (its root)", _any(node(room=0)), "table-A-root"),
    Row("a table of layout bitmap", _any(table(layout="bitmap")), "table-C"),
    Row("a table of layout bitmap-base, base 0", _any(table()), "table-B-bits"),
    Row("a table of layout bitmap-base, base 2 MiB", _any(table(base=2 << 20)), "table-D-base-2M"),
    Row("nodes that loop", _list(node(following=NODE + 4096), node(following=NODE)), "loop-two"),
    Row("a count of 255 in a node of size 1", _list(node([(1 << 24, 4096)] * 255, room=1)), "-"),
    Row("a count of 256", _list(node([(1 << 24, 4096)] * 255, used=256)), "-"),
    Row("a size of -1", _list(node([(1 << 24, 4096)], room=-1)), "size-minus-1"),
    Row("a table past all physical memory", _any(table()), "pointer-2^46", 1 << 46),
    Row("random bytes", _any(struct.pack("<IIQQ", 0xE2C3175A, 0x6FD84B90, 7, 9)), "random-bytes"),
)  # fmt: skip


@cache
def regions() -> Regions:
    """The memory of the machine."""
    return view_of(read_memmap([str(EFI / "iomem-x86-512m.txt")], arch="x86_64"))


def judged(row: Row, consumer: str) -> str | None:
    """Return what the code says of a row, None where it makes no sense for this generation."""
    pieces = row.made(GENERATIONS[consumer].layout)
    if pieces is None:
        return None
    source = open_elf(HeldBytes("memory.elf", memoryview(image(pieces, entries=()))))
    kernel = NextKernel(4096, arch="x86_64", memory=regions())
    found = judge_table(read_at(source, row.at), source, kernel, consumer)
    return str(found.outcome)


@cache
def measured() -> dict[tuple[str, str], str]:
    """By suffix of the case and generation: what a real kernel did."""
    told = ((x["case"].partition("-")[2], x["consumer"], x["outcome"]) for x in outcomes())
    return {(case, consumer): outcome for case, consumer, outcome in told}


def matrix() -> str:
    """Return the table; what a real kernel was seen to do is bold."""
    names = GENERATIONS.names()
    lines = [f"| table | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for row in ROWS:
        cells = []
        for name in names:
            outcome = judged(row, name)
            seen = (row.case, name) in measured()
            cells.append("" if outcome is None else f"**{outcome}**" if seen else outcome)
        lines.append(f"| {row.what} | {' | '.join(cells)} |")
    return "\n".join(lines)


BLOCK = re.compile(r"(<!-- matrix -->\n\n)(.*?)(\n\n<!-- end of matrix -->)", re.DOTALL)


def main() -> None:
    """Write the matrix into the document."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(BLOCK.sub(lambda m: m[1] + matrix() + m[3], text), "utf-8")


if __name__ == "__main__":
    main()
