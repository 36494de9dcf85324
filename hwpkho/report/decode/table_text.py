"""decode for people: an EFI table of poisoned memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, human_bytes
from hwpkho.base.counting import counted
from hwpkho.codes import code_of
from hwpkho.report.parts.layout import field, fold, severe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.efi.model import PoisonTable
    from hwpkho.report.parts.screen import Screen

#: Longer lists of ranges and nodes are cut: --json prints them whole.
MAX_RANGES = 20
MAX_NODES = 8


def lines(table: PoisonTable, screen: Screen, page_size: int | None) -> Iterator[str]:
    """Yield the lines on a table; pages are counted in ``page_size`` bytes, None for 4 KiB."""
    where = f" at 0x{table.phys:x}" if table.phys is not None else ""
    title = f"{table.source}: EFI table of poisoned memory{where}"
    yield from fold(screen.paint("head", title), screen.prose, "", "  ")
    if screen.detail < 0:
        return
    for label, text in rows(table, screen, page_size or DEFAULT_PAGE_SIZE):
        yield from field(label, text, screen)
    label = "problems"
    for p in table.problems:
        yield from severe(
            label, p.severity, f"{p.code} {code_of(p.code).name}: {p.message}", screen
        )
        label = ""
    if not table.problems:
        yield from field(label, screen.paint("good", "none"), screen)


def rows(table: PoisonTable, screen: Screen, page_size: int) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line: layout, header, nodes, ranges; ``page_size`` in bytes."""
    if table.layout is None:
        yield "layout", screen.paint("error", "unknown")
    else:
        yield "layout", f"{table.layout}: {LAYOUTS[table.layout].ABOUT}"
        yield "", f"{'proven' if table.told.sure else 'likely'}: {table.told.why}"
    if table.entry is not None:
        beside = ", ".join(table.entry.beside) or "no other table of the firmware"
        yield "entry", f"0x{table.entry.phys:x}, beside {beside}"
    yield from _header(table)
    yield from _nodes(table)
    yield from _ranges(table, screen, page_size)


def _header(table: PoisonTable) -> Iterator[tuple[str, str]]:
    h = table.header
    if h is None:
        return
    yield "version", str(h.version)
    yield "unit_size", f"{h.unit_size} ({human_bytes(h.unit_size)})"
    if table.phys_base is not None:
        yield "phys_base", f"0x{table.phys_base:x}"
    covers = f"0x{h.phys_base:x}-0x{h.end - 1:x}" if h.end > h.phys_base else "nothing"
    yield "size", f"{counted(h.size, 'byte')} of bitmap: {counted(h.units, 'unit')}, {covers}"
    if table.slack:
        yield "slack", f"{counted(table.slack, 'byte')} behind the bitmap"


def _nodes(table: PoisonTable) -> Iterator[tuple[str, str]]:
    label = "nodes"
    nodes = table.nodes or ()
    for node in nodes[:MAX_NODES]:
        where = "(a file)" if node.phys is None else f"0x{node.phys:x}"
        following = f"next 0x{node.next:x}" if node.next else "the last"
        yield label, f"{where}  {node.used} of {counted(node.room, 'entry')} used, {following}"
        label = ""
    if len(nodes) > MAX_NODES:
        yield "", f"and {counted(len(nodes) - MAX_NODES, 'more node')}"


def _ranges(table: PoisonTable, screen: Screen, page_size: int) -> Iterator[tuple[str, str]]:
    units = table.units()
    if units is None:
        yield "bad", screen.paint("dim", "not readable, see problems")
        return
    listed, size = table.header is None, table.bad_bytes()
    what = counted(units, "entry") if listed else f"{counted(units, 'unit')} set"
    count = table.run_count()
    pages = size // page_size
    said = f"{what}, {counted(count, 'range')}: {human_bytes(size)}"
    yield "bad", f"{said}, {counted(pages, 'page')} of {human_bytes(page_size)}"
    back = len(table.entries) // 2 - units if listed else 0
    if back:
        yield "", f"{counted(back, 'entry')} taken back (size 0)"
    h = table.header
    most = screen.most(MAX_RANGES)
    for start, end in islice(table.ranges(), most):
        text = f"0x{start:x}-0x{end - 1:x}"
        if h is not None:
            first, last = h.unit_of(start), h.unit_of(end - 1)
            text += f"  unit {first}" if first == last else f"  units {first}-{last}"
        yield "", text
    if count > most:
        yield "", f"and {counted(count - most, 'more range')}; -v shows all"
