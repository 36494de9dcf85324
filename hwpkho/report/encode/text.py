"""What encode did, for people, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.escape import printable
from hwpkho.encode.targets.registry import target
from hwpkho.encode.targets.saving import shown
from hwpkho.report.parts import efi_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.encode import Result
    from hwpkho.encode.layout import Broken, Layout

_LABEL = 10


def report(result: Result) -> str:
    """Return the report, ending in a newline."""
    return "\n".join(_lines(result)) + "\n"


def damage(broken: Broken) -> str:
    """Say that a handover is broken, and how."""
    return f"broken on purpose, {printable(broken.name)}: {printable(broken.about)}"


def _lines(result: Result) -> Iterator[str]:
    title = target(result.options.to).title
    count = result.case.pfns.count
    pages = human_bytes(result.page_size)
    yield f"{shown(result.path)}: {title} of {count} PFN{'s' * (count != 1)}, {pages} pages"
    if result.layout:
        if result.layout.broken:
            yield _row("damage", damage(result.layout.broken))
        yield from _layout(result.layout)
    if result.table:
        yield _row("EFI table", efi_table.described(result.table))
    if result.dtb_path is not None:
        yield _row("dtb", shown(result.dtb_path))
    for note in result.notes:
        yield _row("note", printable(note))


def _layout(layout: Layout) -> Iterator[str]:
    v = layout.blob.vmalloc
    yield _row("machine", f"{layout.arch}, {layout.version.compatible}")
    yield _row("root FDT", f"0x{layout.root:x}  {layout.totalsize} bytes")
    yield _row("tracker", f"0x{layout.memory_map:x}  {layout.blocks} preserved blocks")
    for sub in layout.subtrees:
        yield _row("subtree", f"0x{sub.phys or 0:x}  {sub.size} bytes  {printable(sub.name)}")
    yield _row(
        "array",
        f"{layout.blob.revision}, {layout.blob.count} of {v.capacity(layout.page_size)} entries "
        f"in {v.total_pages} page{'s' * (v.total_pages != 1)}, {len(layout.chunks)} "
        f"chunk{'s' * (len(layout.chunks) != 1)} from 0x{v.first:x}",
    )
    if layout.scratch_array is not None:
        n = len(layout.scratch)
        yield _row(
            "scratch", f"0x{layout.scratch_array:x}  {16 * n} bytes  {n} area{'s' * (n != 1)}"
        )
    extents = layout.extents()
    end = extents[-1][0] + extents[-1][1] - 1
    size = human_bytes(sum(n for _, n in extents))
    yield _row(
        "memory", f"0x{extents[0][0]:x}-0x{end:x}  {size} in {len(extents)} "
        f"piece{'s' * (len(extents) != 1)}",
    )  # fmt: skip


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"
