"""decode --annotate: an EFI table of poisoned memory, the raw bytes beside what they mean."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.efi_config import ENTRY
from hwpkho.abi.efi_poisoned import linked_list
from hwpkho.abi.spans import Span
from hwpkho.base.addresses import align_up
from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.efi.model import NodeRead, PoisonTable

#: Entries of a node that are shown, and words of a bitmap in which bits are set.
MAX_ROWS = 32
#: Nodes that are shown.
MAX_NODES = 64

Part = tuple[str, int, int, list[Span]]


def parts(table: PoisonTable) -> Iterator[Part]:
    """Yield title, physical address, size (bytes) and spans of each structure of a table."""
    if table.entry is not None:
        spans = [
            Span(0, 16, "GUID LINUX_EFI_POISONED_MEMORY"),
            Span(16, 8, f"table 0x{table.entry.table:x}"),
        ]
        yield "EFI configuration table entry", table.entry.phys, ENTRY, spans
    if table.phys is None:
        return
    if table.nodes is not None:
        for number, node in enumerate(table.nodes[:MAX_NODES]):
            yield _node(table, number, node)
        return
    header, layout = table.header, table.header_layout
    if header is None or layout is None:
        return
    spans, whole = layout.spans(header), layout.HEAD
    if table.bitmap is not None:
        spans += _words(table, layout.HEAD)
        whole += len(table.bitmap)
    title = f"EFI table of poisoned memory, {table.layout or 'layout unknown'}"
    yield title, table.phys, whole, spans


def _words(table: PoisonTable, at: int) -> Iterator[Span]:
    """Yield a span for each word with bits set, naming its units; the bitmap begins at ``at``."""
    bitmap, shown, last = table.bitmap or b"", 0, -1
    for first, end in table.set_units():
        for word in range(max(first // 64, last + 1), (end - 1) // 64 + 1):
            last = word
            raw = bitmap[word * 8 : word * 8 + 8]
            if shown == MAX_ROWS:
                yield Span(at + word * 8, 0, "and more words with bits")
                return
            value = int.from_bytes(raw, "little")
            units = [word * 64 + bit for bit in range(64) if value >> bit & 1]
            named = " ".join(map(str, units[:8])) + (" …" if len(units) > 8 else "")
            yield Span(at + word * 8, len(raw), f"unit{'s' * (len(units) > 1)} {named}")
            shown += 1


def _node(table: PoisonTable, number: int, node: NodeRead) -> Part:
    spans = [
        Span(0, 4, f"size {node.room}"),
        Span(4, 4, f"count {node.used}"),
        Span(8, 8, f"next 0x{node.next:x}" if node.next else "next: end of the list"),
    ]
    before = sum(n.read for n in (table.nodes or ())[:number])
    flat = table.entries[2 * before : 2 * (before + node.read)]
    head = linked_list.HEAD
    for i in islice(range(node.read), MAX_ROWS):
        base, size = flat[2 * i], flat[2 * i + 1]
        meaning = f"entry {i}: 0x{base:x}+0x{size:x}" if size else f"entry {i}: taken back"
        spans.append(Span(head + 16 * i, 16, meaning))
    if node.read > MAX_ROWS:
        spans.append(
            Span(head + 16 * MAX_ROWS, 0, f"and {counted(node.read - MAX_ROWS, 'more entry')}")
        )
    size = align_up(head + linked_list.ENTRY * min(node.read, MAX_ROWS), 8)
    title = "root of the EFI list of poisoned memory" if not number else f"node {number}"
    return title, node.phys or 0, size, spans
