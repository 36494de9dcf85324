"""decode for people: root, generations, subtrees, the blob field by field, the list, problems."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.vmalloc import VM_ALLOC, VM_ALLOW_HUGE_VMAP
from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.escape import printable
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.codes import registry
from hwpkho.handover.subtrees.registry import reader_of
from hwpkho.report.decode import luo_text, table_text
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.abi.vmalloc import KhoVmalloc
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover, HwpoisonList, Root, Scratch, Subtree

#: Longer lists of runs, chunks or pages are cut: --pfns and --json print them whole.
MAX_RUNS = 40
MAX_ADDRESSES = 8

_ROLES = {"in": "incoming handover", "out": "outgoing handover", None: "handover (role unknown)"}
_FLAGS = {VM_ALLOC: "VM_ALLOC", VM_ALLOW_HUGE_VMAP: "VM_ALLOW_HUGE_VMAP"}
_LABEL = 10


def report(
    handovers: Sequence[Handover],
    paint: Paint | None = None,
    tables: Sequence[PoisonTable] = (),
    page_size: int | None = None,
) -> str:
    """Return the report on all handovers and EFI tables of a case.

    ``page_size`` (bytes) is the user's, for tables where no handover records it.
    """
    paint = paint or Paint()
    blocks = ["\n".join(_handover(h, paint)) for h in handovers]
    size = next((h.page_size for h in handovers if h.page_size), page_size)
    blocks += ["\n".join(table_text.lines(t, paint, size)) for t in tables]
    return "\n\n".join(blocks) + "\n"


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}".rstrip()


def _handover(h: Handover, paint: Paint) -> Iterator[str]:
    pages = f"{human_bytes(h.page_size)} pages" if h.page_size else "page size unknown"
    yield paint("head", f"{h.source}: {_ROLES[h.role]}") + f", {h.arch or '?'}, {pages}"
    if h.root:
        yield from _root(h, h.root, paint)
    if h.metadata:
        release = printable(h.metadata.previous_release)
        yield _row("made by", f"Linux {release}, kexec_count {h.metadata.kexec_count}")
    yield from _scratch(h.scratch)
    if h.hwpoison:
        yield from _hwpoison(h.hwpoison, h.page_size, paint)
    elif h.root:
        yield _row("hwpoison", "no subtree")
    for label, text in luo_text.rows(h):
        yield _row(label, text)
    yield from _problems(h, paint)


def _root(h: Handover, root: Root, paint: Paint) -> Iterator[str]:
    where = f"0x{root.phys:x}" if root.phys is not None else "(a copy, address unknown)"
    size = f"{root.totalsize} bytes" if root.totalsize is not None else "size unknown"
    yield _row("root FDT", f"{where}  {root.compatible or 'compatible missing'}  {size}")
    if root.memory_map:
        state = h.tracker or "not checked"
        style = {"complete": "good", "partial": "error"}.get(state, "dim")
        text = f"0x{root.memory_map:x}  {paint(style, state)}"
        if h.walk and h.tracker in ("complete", "partial"):
            n = h.walk.preserved.count
            text += f"  {n} preserved block{'s' * (n != 1)} in {len(h.walk.nodes)} pages"
        yield _row("tracker", text)
    label = "subtrees"
    width = max((len(s.name) for s in root.subtrees), default=0)
    kept = {x.name: x.pages.pages() for x in h.account.owned} if h.account else {}
    for s in root.subtrees:
        text = _subtree(s, width)
        if s.kind is None and h.page_size and f"subtree {s.name}" in kept:
            there = human_bytes(kept[f"subtree {s.name}"] * h.page_size)
            text += f"  not known, {there} preserved there"
        yield _row(label, text)
        label = ""


def _subtree(s: Subtree, width: int) -> str:
    where = f"0x{s.phys:x}" if s.phys is not None else "?"
    size = f"{s.size} bytes" if s.size is not None else "size unknown"
    return f"{s.name:<{width}}  {where:<14}  {size}{_details(s)}"


def _details(s: Subtree) -> str:
    reader = reader_of(s.name)
    if reader is None:
        return f"  {s.details['compatible']}" if s.details else ""
    shown = reader.shown(s.details) if s.details else ""
    return f"  {shown}" if shown else ""


def _scratch(scratch: Scratch | None) -> Iterator[str]:
    if scratch is None:
        return
    label = "scratch"
    if scratch.array is not None:
        yield _row(label, f"array 0x{scratch.array:x}, {scratch.length} bytes")
        label = ""
    elif scratch.length == 0:
        yield _row(label, "none is handed over")
    areas = scratch.areas or ()
    if len(areas) > 1:
        total = sum(b - a for a, b in union((start, start + size) for start, size in areas if size))
        yield _row(label, f"{human_bytes(total)} in {len(areas)} areas")
        label = ""
    for start, size in areas[:MAX_ADDRESSES]:
        yield _row(label, f"0x{start:x}-0x{start + max(size, 1) - 1:x}  {human_bytes(size)}")
        label = ""
    if len(areas) > MAX_ADDRESSES:
        yield _row("", f"and {len(areas) - MAX_ADDRESSES} more areas")


def _hwpoison(w: HwpoisonList, page_size: int | None, paint: Paint) -> Iterator[str]:
    where = f"0x{w.phys:x}" if w.phys is not None else "(a copy, address unknown)"
    size = f"{w.size} bytes" if w.size is not None else "size unknown"
    yield _row("hwpoison", f"{where}  {w.revision or 'unreadable'}  {size}")
    if w.blob is None:
        return
    v = w.blob.vmalloc
    count = f"{w.blob.count} live entries"
    if page_size:
        count += f" of {v.capacity(page_size)}"
    yield _row("", f"version           {w.blob.version}")
    yield _row("", f"count             {count}")
    yield _row("", f"pfns.first        0x{v.first:x}")
    yield _row("", f"pfns.total_pages  {v.total_pages}")
    yield _row("", f"pfns.flags        {_flags(v)}")
    yield _row("", f"pfns.order        {v.order}")
    if w.chunks is not None:
        yield _row("chunks", _addresses(w.chunks))
    if w.pages is not None:
        yield _row("array", _addresses(w.pages))
    yield from _pfns(w, page_size, paint)


def _flags(v: KhoVmalloc) -> str:
    names = [name for bit, name in _FLAGS.items() if v.flags & bit]
    rest = v.flags & ~sum(_FLAGS)
    names += [f"unknown 0x{rest:x}"] * bool(rest)
    return f"0x{v.flags:x}" + (f" ({' | '.join(names)})" if names else "")


def _addresses(addresses: Sequence[int]) -> str:
    shown = " ".join(f"0x{a:x}" for a in addresses[:MAX_ADDRESSES])
    rest = len(addresses) - MAX_ADDRESSES
    return f"{len(addresses)}: {shown}{f' and {rest} more' if rest > 0 else ''}"


def _pfns(w: HwpoisonList, page_size: int | None, paint: Paint) -> Iterator[str]:
    if w.pfns is None or page_size is None:
        yield _row("list", paint("dim", "not readable, see problems"))
        return
    runs = pfn_set(w.pfns)
    distinct, count = runs.pages(), runs.run_count()
    shift = page_shift(page_size)
    repeats = f", {len(w.pfns) - distinct} repeated" if len(w.pfns) != distinct else ""
    yield _row(
        "list",
        f"{len(w.pfns)} PFN{'s' * (len(w.pfns) != 1)}{repeats} in {count} "
        f"run{'s' * (count != 1)}, {human_bytes(distinct << shift)}",
    )
    shown = [(_span(a, b), b - a + 1, a, b) for a, b in islice(runs, MAX_RUNS)]
    width = max((len(text) for text, *_ in shown), default=0)
    for text, n, a, b in shown:
        phys = f"phys 0x{a << shift:x}-0x{((b + 1) << shift) - 1:x}"
        yield _row("", f"{text:<{width}}  {n:>6}  {paint('dim', phys)}")
    if count > MAX_RUNS:
        yield _row("", f"and {count - MAX_RUNS} more runs; --pfns prints the list")


def _span(first: int, last: int) -> str:
    return f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"


def _problems(h: Handover, paint: Paint) -> Iterator[str]:
    if not h.problems:
        yield _row("problems", paint("good", "none"))
        return
    names = registry()
    label = "problems"
    for p in h.problems:
        text = f"{p.code} {names[p.code].name}: {p.message}"
        yield _row(label, f"{paint(p.severity, f'{p.severity:<7}')} {text}")
        label = ""
