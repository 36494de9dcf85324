"""The verdict on every PFN: layers painted over the memory map, then the sorted list cut by them.

Which layer counts where several fit is the order of ``VERDICTS``. Nothing here looks at single
PFNs except inside the preserved blocks of other subtrees.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import page_shift
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import PFN_MAX, pfn_set
from hwpkho.base.ranges import paint
from hwpkho.codes import code_of, pfnlist, preserved
from hwpkho.codes.memmap_gaps import IN_GAP
from hwpkho.handover.luo import luo_of
from hwpkho.judging.rulings import VERDICTS, Fact, Ruling, Runs, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.codes import Code
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding

_RANK = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
_BY_KIND: dict[str, tuple[Verdict | None, Code | None, Fact | None]] = {
    "ram": ("replays", None, None),
    "in-use": ("in-use", pfnlist.IN_USE, None),
    "firmware": ("firmware", pfnlist.FIRMWARE, None),
    "retired": ("retired", pfnlist.RETIRED, None),
    "device": ("device", pfnlist.DEVICE, None),
    "unknown": (None, IN_GAP, "gap"),
}
_OTHER_SUBTREE = "preserved for another subtree"
_NOT_RAM = Ruling("not-ram", pfnlist.NOT_RAM.id, None)
_UNJUDGED = Ruling(None, None, None)


class Layer(NamedTuple):
    """The ruling on the PFNs ``first`` to ``last``, inclusive; a lower rank goes first."""

    first: int
    last: int
    rank: int
    ruling: Ruling


def judge_pfns(pfns: PfnSet, kernel: NextKernel, handover: Handover | None) -> Runs:
    """Return ``pfns``, cut where the ruling changes, with their rulings.

    Without a memory map every verdict is None.
    """
    runs = Runs(pfns)
    if kernel.frames is None:
        runs.add(0, PFN_MAX, _UNJUDGED)
        return runs
    layers = list(_map_layers(kernel, pfns))
    if handover is not None:
        layers += _handover_layers(handover, kernel.page_size)
        luo = list(_luo_layers(handover, pfns, kernel.page_size))
        told = Listing(array("Q", (x.first for x in luo)), array("Q", (x.last for x in luo)))
        others = pfns - pfn_set(told) if luo else pfns
        layers += luo
        layers += _preserved_layers(handover, others, kernel.page_size)
    at = pfns.following(0)
    for first, last, ruling in _flatten(layers):
        if at is None:
            return runs
        if at <= last:
            runs.add(at, first - 1, _NOT_RAM)
            runs.add(first, last, ruling)
            at = pfns.following(last + 1)
    if at is not None:
        runs.add(at, PFN_MAX, _NOT_RAM)
    return runs


def _map_layers(kernel: NextKernel, pfns: PfnSet) -> Iterator[Layer]:
    """Yield the runs of the map that hold PFNs of the list, and memory sections with RAM.

    The sections are the lowest layer: what no other covers there is a hole with struct pages.
    """
    frames = kernel.frames
    if frames is None:
        return
    i, at = 0, pfns.following(0)
    while at is not None and (i := bisect_left(frames.last, at, i)) < len(frames.last):
        if at < frames.first[i]:
            at = pfns.following(frames.first[i])
            continue
        verdict, code, fact = _BY_KIND[frames.kind[i]]
        ruling = Ruling(verdict, code.id if code else None, printable(frames.label[i]), fact)
        yield Layer(frames.first[i], frames.last[i], _RANK[verdict or "replays"], ruling)
        at = pfns.following(frames.last[i] + 1)
    label = "hole in a section that RAM fills in part"
    hole = Ruling("firmware", pfnlist.SECTION_HOLE.id, label, "idle")
    for first, last in kernel.sections():
        yield Layer(first, last, len(VERDICTS), hole)


def _handover_layers(h: Handover, page_size: int) -> Iterator[Layer]:
    shift = page_shift(page_size)

    def pages(start: int, size: int, ruling: Ruling, rank: int) -> Layer:
        return Layer(start >> shift, (start + max(size, 1) - 1) >> shift, rank, ruling)

    own = _RANK["handover"]
    for label, phys, size in _own_pages(h, page_size):
        ruling = Ruling("handover", pfnlist.HANDOVER_PAGE.id, label)
        yield pages(phys, size, ruling, own)
    scratch = Ruling("scratch", pfnlist.IN_SCRATCH.id, "scratch")
    for start, size in (h.scratch and h.scratch.areas) or ():
        yield pages(start, size, scratch, _RANK["scratch"])
    # Freed before the replay, but read by early boot: like RAM, with a warning.
    for label, addresses in (
        ("chunk", (h.hwpoison and h.hwpoison.chunks) or ()),
        ("tracker", h.walk.nodes if h.walk and h.tracker != "gone" else ()),
    ):
        transient = Ruling("replays", pfnlist.TRANSIENT.id, label)
        for phys in addresses:
            yield pages(phys, page_size, transient, _RANK["device"])


def _own_pages(h: Handover, page_size: int) -> Iterator[tuple[str, int, int]]:
    """Yield ``(label, phys, bytes)`` of what the next kernel must read to get the list."""
    if h.root and h.root.phys is not None:
        yield "root FDT", h.root.phys, page_size - h.root.phys % page_size
    if h.scratch and h.scratch.array is not None:
        yield "scratch array", h.scratch.array, h.scratch.length or 1
    w = h.hwpoison
    if w is None:
        return
    if w.phys is not None:
        # A registered size is not trusted beyond the blob's page.
        yield "hwpoison blob", w.phys, min(w.size or 1, page_size - w.phys % page_size)
    if w.blob is not None:
        for phys in w.pages or ():
            yield "array", phys, page_size << w.blob.vmalloc.entry_order


def _luo_layers(h: Handover, pfns: PfnSet, page_size: int) -> Iterator[Layer]:
    """Yield what LUO owns and the list may hit: its own pages and the memory of its files."""
    tree = luo_of(h)
    if tree is None or tree.state not in ("serialized", "not-serialized"):
        return
    from hwpkho.judging.preserved import of_luo  # few handovers have LUO's files

    for first, last, ruling in of_luo(tree, pfns, page_size):
        # LUO's blob is freed before the replay, as a chunk is.
        held = ruling.verdict if ruling.verdict in ("handover", "preserved") else "device"
        yield Layer(first, last, _RANK[held], ruling)


def _preserved_layers(h: Handover, pfns: PfnSet, page_size: int) -> Iterator[Layer]:
    """Yield the preserved blocks of other subtrees that hold PFNs of the list."""
    if h.walk is None or h.tracker == "gone":
        return
    shift, marked = page_shift(page_size), h.walk.preserved
    own = {phys - phys % page_size for _, phys, _ in _own_pages(h, page_size)}
    own.update((h.hwpoison and h.hwpoison.chunks) or ())
    tree = luo_of(h)
    if tree is not None and tree.phys is not None and tree.state != "released":
        own.add(tree.phys - tree.phys % page_size)  # freed before the replay
    names = h.account.names() if h.account and pfns else dict[int, str]().get
    for begin, end, order in marked.spans():
        at = 0
        for first, last in pfns.runs(begin >> shift, -(-end >> shift) - 1):
            at = max(at, first)
            while at <= last:
                start = at >> order << order
                at = start + (1 << order)
                if start << shift not in own and marked.has(start << shift, order):
                    ruling = Ruling(
                        "in-use", preserved.PRESERVED_ELSEWHERE.id, names(start) or _OTHER_SUBTREE
                    )
                    yield Layer(start, at - 1, _RANK["in-use"], ruling)


def _flatten(layers: Iterable[Layer]) -> Iterator[tuple[int, int, Ruling]]:
    """Yield disjoint ascending ``(first, last, ruling)``; where layers overlap, the lowest rank."""
    # Of equal ranks the layer that begins first counts; paint() shows the last one.
    ordered = sorted(layers, key=lambda layer: layer[:3])[::-1]
    for at, end, number in paint([(x.first, x.last + 1, -x.rank) for x in ordered]):
        yield at, end - 1, ordered[number].ruling


def findings(runs: Runs, page_size: int) -> Iterator[Finding]:
    """Yield one finding for each ruling that has a code; ``page_size`` in bytes."""
    from hwpkho.judging.result import finding  # diff and encode want the verdicts alone

    for ruling, extent in zip(runs.rulings, runs.extents, strict=True):
        if ruling.code is None:
            continue
        code = code_of(ruling.code)
        says = code.pfns_are.format(
            where=ruling.region or "?",
            them="it" if extent.pfns == 1 else "them",
            cells="cell stays" if extent.pfns == 1 else "cells stay",
        )
        first, last = extent.first, extent.last
        span = f"0x{first:x}" if first == last else f"0x{first:x} to 0x{last:x}"
        message = f"{counted(extent.pfns, 'PFN is', 'PFNs are')} {says}: {span}"
        phys = first * page_size if ruling.verdict is None else None
        yield finding(code, message, pfns=(first, last), phys=phys)


def duplicates(listed: int, distinct: int) -> Iterator[Finding]:
    """Yield a finding where PFNs repeat: the list has more entries than distinct PFNs."""
    from hwpkho.judging.result import finding

    if listed != distinct:
        n = listed - distinct
        message = f"{counted(n, 'PFN repeats', 'PFNs repeat')} an earlier one"
        yield finding(pfnlist.DUPLICATE, message)
