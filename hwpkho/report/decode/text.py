"""decode for people: root, generations, subtrees, the blob field by field, the list, problems."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.vmalloc import VM_ALLOC, VM_ALLOW_HUGE_VMAP
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.codes import code_of
from hwpkho.handover.model import page_size_of
from hwpkho.handover.subtrees.registry import reader_of
from hwpkho.report.decode import luo_text
from hwpkho.report.parts.layout import Column, field, fold, severe, span, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.abi.vmalloc import KhoVmalloc
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover, HwpoisonList, Root, Scratch, Subtree
    from hwpkho.report.parts.layout import Cell
    from hwpkho.report.parts.paint import Paint

#: Longer lists of runs, chunks or pages are cut; --verbose, --pfns and --json print them whole.
MAX_RUNS = 20
MAX_ADDRESSES = 8

ROLES = {"in": "incoming handover", "out": "outgoing handover", None: "handover (role unknown)"}
_FLAGS = {VM_ALLOC: "VM_ALLOC", VM_ALLOW_HUGE_VMAP: "VM_ALLOW_HUGE_VMAP"}
_LABEL = 10


def report(
    handovers: Sequence[Handover],
    screen: Screen | None = None,
    tables: Sequence[PoisonTable] = (),
    page_size: int | None = None,
) -> str:
    """Return the report on all handovers and EFI tables of a case.

    ``page_size`` (bytes) is what the user gave: pages of tables are counted in it if no handover
    records its page size.
    """
    screen = screen or Screen()
    blocks = ["\n".join(_handover(h, screen)) for h in handovers]
    size = page_size_of(handovers) or page_size
    if tables:
        from hwpkho.report.decode import table_text  # few images have one

        blocks += ["\n".join(table_text.lines(t, screen, size)) for t in tables]
    return "\n\n".join(blocks) + "\n"


def _handover(h: Handover, screen: Screen) -> Iterator[str]:
    pages = f"{human_bytes(h.page_size)} pages" if h.page_size else "page size unknown"
    head = screen.paint("head", f"{h.source}: {ROLES[h.role]}")
    yield from fold(f"{head}, {h.arch or 'architecture unknown'}, {pages}", screen.prose, "", "  ")
    if screen.detail < 0:
        return
    for label, text in rows(h, screen.paint):
        yield from fold(text, screen.prose, f"  {label:<10}", " " * 14)
    if h.hwpoison and h.hwpoison.blob is not None:
        yield from _pfns(h.hwpoison, h.page_size, screen)
    for label, text in luo_text.rows(h):
        yield from field(label, text, screen)
    yield from _problems(h, screen)


def rows(h: Handover, paint: Paint) -> Iterator[tuple[str, str]]:
    """Yield label and text of each structure of a handover: root, metadata, scratch, blob."""
    if h.root:
        yield from _root(h, h.root, paint)
    if h.metadata:
        release = printable(h.metadata.previous_release)
        yield "made by", f"Linux {release}, kexec_count {h.metadata.kexec_count}"
    yield from _scratch(h.scratch)
    if h.hwpoison:
        yield from _hwpoison(h.hwpoison, h.page_size)
    elif h.root:
        yield "hwpoison", "no subtree"


def _root(h: Handover, root: Root, paint: Paint) -> Iterator[tuple[str, str]]:
    where = f"0x{root.phys:x}" if root.phys is not None else "(a copy, address unknown)"
    size = counted(root.totalsize, "byte") if root.totalsize is not None else "size unknown"
    yield "root FDT", f"{where}  {root.compatible or 'compatible missing'}  {size}"
    if root.memory_map:
        state = h.tracker or "not checked"
        style = {"complete": "good", "partial": "error"}.get(state, "dim")
        text = f"0x{root.memory_map:x}  {paint(style, state)}"
        if h.walk and h.tracker in ("complete", "partial"):
            n = h.walk.preserved.count
            text += f"  {counted(n, 'preserved block')} in {counted(len(h.walk.nodes), 'page')}"
        yield "tracker", text
    label = "subtrees"
    width = max((len(s.name) for s in root.subtrees), default=0)
    kept = {x.name: x.pages.pages() for x in h.account.owned} if h.account else {}
    for s in root.subtrees:
        text = _subtree(s, width)
        if s.kind is None and h.page_size and f"subtree {s.name}" in kept:
            there = human_bytes(kept[f"subtree {s.name}"] * h.page_size)
            text += f"  not known, {there} preserved there"
        yield label, text
        label = ""


def _subtree(s: Subtree, width: int) -> str:
    where = f"0x{s.phys:x}" if s.phys is not None else "?"
    size = counted(s.size, "byte") if s.size is not None else "size unknown"
    return f"{s.name:<{width}}  {where:<14}  {size}{_details(s)}"


def _details(s: Subtree) -> str:
    reader = reader_of(s.name)
    if reader is None:
        return f"  {s.details['compatible']}" if s.details else ""
    shown = reader.shown(s.details) if s.details else ""
    return f"  {shown}" if shown else ""


def _scratch(scratch: Scratch | None) -> Iterator[tuple[str, str]]:
    if scratch is None:
        return
    label = "scratch"
    if scratch.array is not None and scratch.length is not None:
        yield label, f"array 0x{scratch.array:x}, {counted(scratch.length, 'byte')}"
        label = ""
    elif scratch.length == 0:
        yield label, "none is handed over"
    areas = scratch.areas or ()
    if len(areas) > 1:
        total = sum(b - a for a, b in union((start, start + size) for start, size in areas if size))
        yield label, f"{human_bytes(total)} in {counted(len(areas), 'area')}"
        label = ""
    for start, size in areas[:MAX_ADDRESSES]:
        yield label, f"0x{start:x}-0x{start + max(size, 1) - 1:x}  {human_bytes(size)}"
        label = ""
    if len(areas) > MAX_ADDRESSES:
        yield "", f"and {counted(len(areas) - MAX_ADDRESSES, 'more area')}"


def _hwpoison(w: HwpoisonList, page_size: int | None) -> Iterator[tuple[str, str]]:
    where = f"0x{w.phys:x}" if w.phys is not None else "(a copy, address unknown)"
    size = counted(w.size, "byte") if w.size is not None else "size unknown"
    yield "hwpoison", f"{where}  {w.revision or 'unreadable'}  {size}"
    if w.blob is None:
        return
    v = w.blob.vmalloc
    count = counted(w.blob.count, "live entry")
    if page_size:
        count += f" of {v.capacity(page_size)}"
    yield "", f"version           {w.blob.version}"
    yield "", f"count             {count}"
    yield "", f"pfns.first        0x{v.first:x}"
    yield "", f"pfns.total_pages  {v.total_pages}"
    yield "", f"pfns.flags        {_flags(v)}"
    yield "", f"pfns.order        {v.order}"
    if w.chunks is not None:
        yield "chunks", _addresses(w.chunks)
    if w.pages is not None:
        yield "array", _addresses(w.pages)


def _flags(v: KhoVmalloc) -> str:
    names = [name for bit, name in _FLAGS.items() if v.flags & bit]
    rest = v.flags & ~sum(_FLAGS)
    names += [f"unknown 0x{rest:x}"] * bool(rest)
    return f"0x{v.flags:x}" + (f" ({' | '.join(names)})" if names else "")


def _addresses(addresses: Sequence[int]) -> str:
    shown = " ".join(f"0x{a:x}" for a in addresses[:MAX_ADDRESSES])
    rest = len(addresses) - MAX_ADDRESSES
    return f"{len(addresses)}: {shown}{f' and {rest} more' if rest > 0 else ''}"


def _pfns(w: HwpoisonList, page_size: int | None, screen: Screen) -> Iterator[str]:
    if w.pfns is None or page_size is None:
        text = screen.paint("dim", "not readable, see problems")
        yield from field("list", text, screen)
        return
    runs = pfn_set(w.pfns)
    distinct, count = runs.pages(), runs.run_count()
    shift = page_shift(page_size)
    repeats = f", {len(w.pfns) - distinct} repeated" if len(w.pfns) != distinct else ""
    yield from field(
        "list",
        f"{counted(len(w.pfns), 'PFN')}{repeats} in {count} run{'s' * (count != 1)}, "
        f"{human_bytes(distinct << shift)}",
        screen,
    )
    most = screen.most(MAX_RUNS)
    rows: list[tuple[Cell, ...]] = []
    for a, b in islice(runs, most):
        phys = f"phys 0x{a << shift:x}-0x{((b + 1) << shift) - 1:x}"
        rows.append((span(a, b), str(b - a + 1), ("dim", phys)))
    columns = (Column(""), Column("", right=True), Column("", wraps=True))
    yield from table(columns, rows, screen, " " * (_LABEL + 2))
    if count > most:
        text = f"and {counted(count - most, 'more run')}; -v shows them, --pfns prints the list"
        yield from field("", text, screen)


def _problems(h: Handover, screen: Screen) -> Iterator[str]:
    if not h.problems:
        yield from field("problems", screen.paint("good", "none"), screen)
        return
    label = "problems"
    for p in h.problems:
        yield from severe(
            label, p.severity, f"{p.code} {code_of(p.code).name}: {p.message}", screen
        )
        label = ""
