"""decode for people: an EFI table of poisoned memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.base.addresses import human_bytes
from hwpkho.codes import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.efi.model import PoisonTable
    from hwpkho.report.parts.paint import Paint

#: Longer lists of ranges and nodes are cut: --json prints them whole.
MAX_RANGES = 40
MAX_NODES = 8
_LABEL = 10


def lines(table: PoisonTable, paint: Paint, page_size: int | None) -> Iterator[str]:
    """Yield the report on a table; ``page_size`` (bytes) counts pages, None: those of 4 KiB."""
    where = f" at 0x{table.phys:x}" if table.phys is not None else ""
    yield paint("head", f"{table.source}: EFI table of poisoned memory{where}")
    if table.layout is None:
        yield _row("layout", paint("error", "unknown"))
    else:
        yield _row("layout", f"{table.layout}: {LAYOUTS[table.layout].ABOUT}")
        yield _row("", f"{'proven' if table.told.sure else 'likely'}: {table.told.why}")
    if table.entry is not None:
        beside = ", ".join(table.entry.beside) or "no other table of the firmware"
        yield _row("entry", f"0x{table.entry.phys:x}, beside {beside}")
    yield from _header(table)
    yield from _nodes(table)
    yield from _ranges(table, paint, page_size or 4096)
    names, label = registry(), "problems"
    for p in table.problems:
        text = f"{p.code} {names[p.code].name}: {p.message}"
        yield _row(label, f"{paint(p.severity, f'{p.severity:<7}')} {text}")
        label = ""
    if not table.problems:
        yield _row("problems", paint("good", "none"))


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}".rstrip()


def _header(table: PoisonTable) -> Iterator[str]:
    h = table.header
    if h is None:
        return
    based = table.layout != "bitmap"
    yield _row("version", str(h.version))
    yield _row("unit_size", f"{h.unit_size} ({human_bytes(h.unit_size)})")
    if based:
        yield _row("phys_base", f"0x{h.phys_base:x}")
    covers = f"0x{h.phys_base:x}-0x{h.end - 1:x}" if h.end > h.phys_base else "nothing"
    yield _row("size", f"{h.size} bytes of bitmap: {h.units} units, {covers}")
    if table.slack:
        yield _row("slack", f"{table.slack} bytes behind the bitmap")


def _nodes(table: PoisonTable) -> Iterator[str]:
    label = "nodes"
    nodes = table.nodes or ()
    for node in nodes[:MAX_NODES]:
        where = "(a file)" if node.phys is None else f"0x{node.phys:x}"
        following = f"next 0x{node.next:x}" if node.next else "the last"
        yield _row(label, f"{where}  {node.used} of {node.room} entries used, {following}")
        label = ""
    if len(nodes) > MAX_NODES:
        yield _row("", f"and {len(nodes) - MAX_NODES} more nodes")


def _ranges(table: PoisonTable, paint: Paint, page_size: int) -> Iterator[str]:
    units = table.units()
    if units is None:
        yield _row("bad", paint("dim", "not readable, see problems"))
        return
    listed, size = table.header is None, table.bad_bytes()
    what = ("entry" if units == 1 else "entries") if listed else f"unit{'s' * (units != 1)} set"
    count = table.run_count()
    pages = size // page_size
    yield _row(
        "bad",
        f"{units} {what}, {count} range{'s' * (count != 1)}: {human_bytes(size)}, "
        f"{pages} page{'s' * (pages != 1)} of {human_bytes(page_size)}",
    )
    back = len(table.entries) // 2 - units if listed else 0
    if back:
        yield _row("", f"{back} entr{'ies' if back > 1 else 'y'} taken back (size 0)")
    h = table.header
    for start, end in islice(table.ranges(), MAX_RANGES):
        text = f"0x{start:x}-0x{end - 1:x}"
        if h is not None:
            first, last = h.unit_of(start), h.unit_of(end - 1)
            text += f"  unit {first}" if first == last else f"  units {first}-{last}"
        yield _row("", text)
    if count > MAX_RANGES:
        yield _row("", f"and {count - MAX_RANGES} more ranges; --json has all")
