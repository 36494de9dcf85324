"""decode --annotate: the raw bytes of every structure beside what they mean."""

from __future__ import annotations

import struct
from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.kexec_metadata import KEXEC_METADATA_SIZE
from hwpkho.abi.scratch import SCRATCH_ENTRY
from hwpkho.abi.tracker import TRACKERS
from hwpkho.abi.tracker.walked import Span
from hwpkho.abi.vmalloc import Chunk, KhoVmalloc
from hwpkho.base.addresses import page_shift
from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.handover.model import Handover, Subtree
    from hwpkho.images.base import Source

#: Repeated members of a structure (array entries, preserved blocks) are cut after so many.
MAX_ROWS = 32
#: So are subtrees; a kernel makes a handful.
MAX_SUBTREES = 64
#: The whole dump: a list of a million PFNs takes three quarters of it.
MAX_LINES = 100_000
_BYTES_PER_LINE = 16
_TOKENS = {1: "FDT_BEGIN_NODE", 2: "FDT_END_NODE", 3: "FDT_PROP", 4: "FDT_NOP", 9: "FDT_END"}
_HEADER = (
    "magic", "totalsize", "off_dt_struct", "off_dt_strings", "off_mem_rsvmap", "version",
    "last_comp_version", "boot_cpuid_phys", "size_dt_strings", "size_dt_struct",
)  # fmt: skip


def lines(handovers: Sequence[Handover], source: Source | None) -> Iterator[str]:
    """Yield the annotated dump of all structures of all handovers.

    Raises InputError where no memory was given.
    """
    if source is None:
        raise InputError("--annotate shows memory; give the memory image as well")
    shown: set[int] = set()
    every = chain.from_iterable(_of_one(h, source, shown) for h in handovers)
    yield from islice(every, MAX_LINES)
    if next(every, None) is not None:
        yield f"# cut after {MAX_LINES} lines; choose one handover with --root-fdt"


def _of_one(handover: Handover, source: Source, shown: set[int]) -> Iterator[str]:
    yield f"# {printable(str(handover))} in {handover.source}"
    yield from _Dump(handover, source, shown).lines()


class _Dump:
    """The structures of one handover, in the order in which they lead to each other.

    What stands at an address is shown once: handovers of a broken machine may share it all.
    """

    def __init__(self, handover: Handover, source: Source, shown: set[int]) -> None:
        self.h, self.source, self.shown = handover, source, shown
        self.page_size = handover.page_size or 4096

    def lines(self) -> Iterator[str]:
        root = self.h.root
        if root and root.phys is not None and root.fdt:
            yield from self._fdt("root FDT", root.phys, root.fdt.tree)
        yield from self._scratch()
        subtrees = root.subtrees if root else ()
        for subtree in subtrees[:MAX_SUBTREES]:
            yield from self._subtree(subtree)
        if len(subtrees) > MAX_SUBTREES:
            yield f"and {len(subtrees) - MAX_SUBTREES} more subtrees"
        yield from self._chunks()
        yield from self._array()
        yield from self._tracker()

    def _dump(self, title: str, phys: int, size: int, spans: list[Span]) -> Iterator[str]:
        if phys in self.shown:
            return
        self.shown.add(phys)
        data = self.source.read(phys, size)
        yield ""
        yield f"{title} at 0x{phys:x}, {size} bytes"
        if data is None:
            yield "  not in the image"
            return
        for span in spans:
            raw = bytes(data[span.offset : span.offset + span.size])
            for i in range(0, max(len(raw), 1), _BYTES_PER_LINE):
                text = raw[i : i + _BYTES_PER_LINE].hex(" ", -4)
                meaning = span.meaning if not i else ""
                yield f"  0x{phys + span.offset + i:012x}  {text:<35}  {meaning}".rstrip()

    def _fdt(self, title: str, phys: int, tree: fdt.Tree) -> Iterator[str]:
        size = tree.totalsize - tree.missing
        data = self.source.read(phys, size)
        if data is not None:
            yield from self._dump(title, phys, size, _fdt_spans(bytes(data), tree))

    def _scratch(self) -> Iterator[str]:
        scratch = self.h.scratch
        if scratch is None or scratch.array is None or not scratch.areas:
            return
        spans = []
        for i, (start, size) in enumerate(scratch.areas[:MAX_ROWS]):
            spans.append(Span(16 * i, 8, f"area {i}: addr 0x{start:x}"))
            spans.append(Span(16 * i + 8, 8, f"area {i}: size 0x{size:x}"))
        size = len(scratch.areas) * SCRATCH_ENTRY
        yield from self._dump("scratch array", scratch.array, size, spans)

    def _subtree(self, s: Subtree) -> Iterator[str]:
        if s.phys is None or s.phys in self.shown:
            return
        title = f"subtree {s.name}"
        if s.kind == "kexec-metadata":
            yield from self._dump(title, s.phys, KEXEC_METADATA_SIZE, _metadata_spans(self.h))
            return
        head = self.source.read(s.phys, 8)
        total = fdt.totalsize(head) if head is not None else None
        if total is not None:
            data = self.source.read(s.phys, min(total, self.page_size))
            try:
                yield from self._fdt(title, s.phys, fdt.parse(data or b""))
            except InputError as error:
                yield from self._dump(title, s.phys, 8, [Span(0, 8, f"FDT: {error}")])
            return
        if s.kind == "hwpoison":
            raw = self.source.read(s.phys, 32)
            yield from self._dump(title, s.phys, 32, _struct_spans(bytes(raw or b"")))
            return
        size = min(s.size or 32, 256)
        yield from self._dump(title, s.phys, size, [Span(0, size, "content unknown")])

    def _chunks(self) -> Iterator[str]:
        for n, phys in enumerate((self.h.hwpoison and self.h.hwpoison.chunks) or ()):
            page = self.source.read(phys, self.page_size)
            if page is None:
                continue
            chunk = Chunk.parse(page)
            spans = [Span(0, 8, f"next 0x{chunk.next:x}" if chunk.next else "next: end of chain")]
            for i, entry in enumerate(chunk.entries[:MAX_ROWS]):
                spans.append(Span(8 + 8 * i, 8, f"entry {i}: 0x{entry:x}"))
            end = 8 + 8 * len(chunk.entries)
            if len(chunk.entries) > MAX_ROWS:
                spans.append(Span(end, 0, f"and {len(chunk.entries) - MAX_ROWS} more entries"))
            if end < self.page_size:
                spans.append(Span(end, 8, "zero: end of the entries"))
            yield from self._dump(f"chunk {n}", phys, self.page_size, spans)

    def _array(self) -> Iterator[str]:
        w = self.h.hwpoison
        if w is None or w.pfns is None or w.pages is None or w.blob is None:
            return
        shift, per_entry = page_shift(self.page_size), (self.page_size << w.blob.vmalloc.order) // 8
        for n, phys in enumerate(w.pages):
            first = n * per_entry
            live = w.pfns[first : first + per_entry]
            if not live:
                break
            spans = [
                Span(8 * i, 8, f"pfns[{first + i}] 0x{pfn:x}, phys 0x{pfn << shift:x}")
                for i, pfn in enumerate(live[:MAX_ROWS])
            ]
            if len(live) > MAX_ROWS:
                spans.append(Span(8 * len(live), 0, f"and {len(live) - MAX_ROWS} more live ones"))
            title = f"array page {n} ({len(live)} live entries)"
            yield from self._dump(title, phys - phys % self.page_size, self.page_size, spans)

    def _tracker(self) -> Iterator[str]:
        walk, root = self.h.walk, self.h.root.fdt if self.h.root else None
        if walk is None or self.h.tracker == "gone" or root is None or root.version is None:
            return
        tracker = TRACKERS[root.version.tracker]
        for node in walk.places:
            page = self.source.read(node, self.page_size)
            if page is None or node in self.shown:
                continue
            title, members = tracker.spans(walk, node, page)
            spans = list(islice(members, MAX_ROWS))
            yield from self._dump(title, node, self.page_size, spans)
            if next(members, None) is not None:
                yield "  and more"


def _fdt_spans(data: bytes, tree: fdt.Tree) -> list[Span]:
    spans = [Span(4 * i, 4, f"{n} 0x{tree.header[i]:x}") for i, n in enumerate(_HEADER)]
    off_struct, off_strings, off_reserve = tree.header[2], tree.header[3], tree.header[4]
    for i, (address, size) in enumerate((*tree.reserve, (0, 0))):
        meaning = f"reserve 0x{address:x}+0x{size:x}" if address or size else "end of reservations"
        spans.append(Span(off_reserve + 16 * i, 16, meaning))
    known: dict[int, Span] = {}
    for _, node in tree.root.walk():
        size = 4 + (len(node.name) + 4) // 4 * 4
        known[node.offset] = Span(node.offset, size, f'node "{printable(node.name)}"')
        for prop in node.properties:
            start = prop.offset - 12
            padded = 12 + -(-len(prop.value) // 4) * 4
            known[start] = Span(start, padded, f"{printable(prop.name)} = {_value(prop)}")
    at = off_struct
    while at < min(off_strings, len(data)):
        span = known.get(at)
        if span is None:
            (token,) = struct.unpack_from(">I", data.ljust(at + 4, b"\0"), at)
            span = Span(at, 4, _TOKENS.get(token, "(not read)"))
        spans.append(span)
        at += span.size
    strings = data[off_strings : off_strings + tree.header[8]]
    at = off_strings
    for name in strings.split(b"\0")[:-1]:
        spans.append(Span(at, len(name) + 1, f'string "{printable(name)}"'))
        at += len(name) + 1
    return spans


def _value(prop: fdt.Property) -> str:
    raw = prop.value
    if prop.name == "compatible":
        return f'"{printable(raw.rstrip(bytes(1)))}"'
    if prop.name == "pfns" and len(raw) == 16:
        v = KhoVmalloc.parse(raw)
        return (
            f"first 0x{v.first:x}, total_pages {v.total_pages}, flags 0x{v.flags:x}, "
            f"order {v.order}"
        )
    if len(raw) == 8:
        return f"0x{int.from_bytes(raw, 'little'):x} (u64, native endian)"
    return f"{len(raw)} bytes"


def _struct_spans(raw: bytes) -> list[Span]:
    if len(raw) < 32:
        return [Span(0, len(raw), "cut off")]
    version, pad, count, first, pages, flags, order = struct.unpack("<IIQQIHH", raw)
    return [
        Span(0, 4, f"version {version}"),
        Span(4, 4, f"_pad 0x{pad:x}"),
        Span(8, 8, f"count {count}"),
        Span(16, 8, f"pfns.first 0x{first:x}"),
        Span(24, 4, f"pfns.total_pages {pages}"),
        Span(28, 2, f"pfns.flags 0x{flags:x}"),
        Span(30, 2, f"pfns.order {order}"),
    ]


def _metadata_spans(h: Handover) -> list[Span]:
    if h.metadata is None:
        return [Span(0, KEXEC_METADATA_SIZE, "not readable as kexec-metadata")]
    release = printable(h.metadata.previous_release)
    return [
        Span(0, 4, "version 1"),
        Span(4, 65, f'previous_release "{release}"'),
        Span(69, 4, f"kexec_count {h.metadata.kexec_count}"),
    ]
