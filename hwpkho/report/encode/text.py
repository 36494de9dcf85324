"""encode for people: the output, the machine, and where each structure was placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.encode.targets.registry import target
from hwpkho.encode.targets.saving import shown
from hwpkho.report.parts import efi_table
from hwpkho.report.parts.layout import field, fold
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.encode_options import Result
    from hwpkho.encode.layout import Broken, Layout


def report(result: Result, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    screen = screen or Screen()
    title = target(result.options.to).title
    count = result.case.pfns.count
    pages = human_bytes(result.page_size)
    said = f"{shown(result.path)}: {title} of {counted(count, 'PFN')}, {pages} pages"
    yield from fold(said, screen.prose, "", "  ")
    for label, text in _rows(result):
        yield from field(label, text, screen)


def damage(broken: Broken) -> str:
    """Return a line that says how a handover was broken on purpose."""
    return f"broken on purpose, {printable(broken.name)}: {printable(broken.about)}"


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    if result.layout:
        if result.layout.broken:
            yield "damage", damage(result.layout.broken)
        yield from _layout(result.layout)
    if result.table:
        yield "EFI table", efi_table.described(result.table)
    if result.dtb_path is not None:
        yield "dtb", shown(result.dtb_path)
    for note in result.notes:
        yield "note", printable(note)


def _layout(layout: Layout) -> Iterator[tuple[str, str]]:
    v = layout.blob.vmalloc
    yield "machine", f"{layout.arch}, {layout.version.compatible}"
    yield "root FDT", f"0x{layout.root:x}  {counted(layout.totalsize, 'byte')}"
    yield "tracker", f"0x{layout.memory_map:x}  {counted(layout.blocks, 'preserved block')}"
    for sub in layout.subtrees:
        yield (
            "subtree",
            f"0x{sub.phys or 0:x}  {counted(sub.size or 0, 'byte')}  {printable(sub.name)}",
        )
    count = f"{layout.blob.count} of {v.capacity(layout.page_size)} entries"
    pages = counted(v.total_pages, "page")
    chunks = f"{counted(len(layout.chunks), 'chunk')} from 0x{v.first:x}"
    yield "array", f"{layout.blob.revision}, {count} in {pages}, {chunks}"
    if layout.scratch_array is not None:
        n = len(layout.scratch)
        yield "scratch", f"0x{layout.scratch_array:x}  {16 * n} bytes  {counted(n, 'area')}"
    extents = layout.extents()
    end = extents[-1][0] + extents[-1][1] - 1
    size = human_bytes(sum(n for _, n in extents))
    pieces = counted(len(extents), "piece")
    yield "memory", f"0x{extents[0][0]:x}-0x{end:x}  {size} in {pieces}"
