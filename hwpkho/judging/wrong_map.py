"""Whether a memory map can be of the machine that a handover was read from.

A memory image proves that its machine has memory at each address it holds. Where a page of the
handover was read at an address at which the map has no RAM, the map is of another machine, and a
panic predicted by it would be a panic of that other machine. But a pointer out of RAM, to where the
image holds nothing either, shows a broken handover.

Segments for a boot loader prove nothing: whoever made them chose the addresses. With those, and
with copies of debugfs, the map is doubted only if most places are outside RAM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import kho as roots
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, page_shift
from hwpkho.base.arch import linear
from hwpkho.codes.memmap_view import LIST_BEYOND, MAP_DECIDES, WRONG_MAP
from hwpkho.codes.pfnlist import LIKE_ADDRESSES
from hwpkho.errors import InputError
from hwpkho.judging.machine import files, next_kernel
from hwpkho.judging.result import finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.handover.model import Handover
    from hwpkho.images.base import Closed, Source
    from hwpkho.judging.decision import Decision
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import Finding
    from hwpkho.judging.rulings import Runs
    from hwpkho.memmap.view.regions import Regions

#: PFNs above RAM that cast doubt on a map, at least: a single one may be damage.
_FEW = 2
#: A list of fewer numbers, or with a lower one, is not taken for a list of addresses.
_FEWEST, _LOWEST = 2, 1 << 24

#: Outcomes after which every poisoned page is forgotten.
FATAL = ("crash", "dropped", "refused")

#: What a gap of the map hides may be RAM.
_MAY_BE_RAM = ("ram", "in-use", "unknown")


class Place(NamedTuple):
    """A part of the handover: what it is, and its physical addresses."""

    what: str
    at: tuple[int, ...]


def misfit(h: Handover, kernel: NextKernel, source: Source | Closed | None) -> str | None:
    """Return why the map cannot be of this machine; None where it can, or that is unknown.

    The next kernel's command line does not count. ``source`` is the memory that the handover was
    read from, None for copies of debugfs.
    """
    kernel = kernel.without_cmdline()
    if kernel.frames is None:
        return None
    read = captured(source)
    places = list(_places_read(h) if source is not None else _places_named(h))
    outside = [p for p in places if any(kernel.outside(at) for at in p.at)]
    # The kernel never uses what it removes: such an area proves nothing.
    areas = [
        (a, n)
        for a, n in (h.scratch and h.scratch.areas) or ()
        if n and not kernel.removes(a) and not kernel.removes(a + n - 1)
    ]
    lost = [(a, n) for a, n in areas if kernel.outside(a, n)]
    all_lost = len(lost) == len(areas) > 1
    array = h.scratch.array if source is not None and h.scratch is not None else None
    array_lost = any(array in p.at for p in outside)
    if (
        all_lost
        or (lost and array_lost)
        or (read and source and any(source.holds(*area) for area in lost))
    ):
        outside.append(_scratch(lost, kernel))
    if areas:
        places.append(Place("scratch", ()))
    blocks = _blocks(h, kernel) if read else ()
    if len(blocks) > 1:
        outside.append(Place("preserved blocks", blocks))
    if not outside:
        return None
    # One place that was read is proof; places that are only named must be most, or all of scratch.
    whole = all_lost and source is None
    if not read and not whole and (len(outside) < 2 or 2 * len(outside) <= len(places)):
        return None
    shown = ((next(filter(kernel.outside, p.at), p.at[0]), p.what) for p in outside)
    named = (f"0x{at:x} ({what})" for at, what in shown)
    return f"the map has no RAM at {', '.join(named)}"


def misfit_finding(why: str, files: str) -> Finding:
    """Return the finding for ``why``, as :func:`misfit` returns it; ``files`` are the maps."""
    message = f"is this the right memory map? {why}; {files} was set aside"
    return finding(WRONG_MAP, message)


def captured(source: Source | Closed | None) -> bool:
    """Whether a handover was read from the memory of the machine that made it."""
    return source is not None and not source.to_load


def map_decides(why: str, files: str) -> Finding:
    """Return the finding on a sound handover that is fatal only by the map.

    ``why`` is what makes it so, as :func:`decides_alone` returns it; ``files`` are the maps.
    """
    message = f"is this the right memory map? {why}, only by {files}: the handover itself is sound"
    return finding(MAP_DECIDES, message)


def list_beyond(runs: Runs, kernel: NextKernel) -> Iterator[Finding]:
    """Yield a finding if most PFNs of a list are above all RAM of the map."""
    frames = kernel.frames
    if frames is None:
        return
    kinds = zip(frames.last, frames.kind, strict=True)
    end = max((last for last, kind in kinds if kind in _MAY_BE_RAM), default=-1)
    total = sum(extent.pfns for extent in runs.extents)
    above = [
        (first, last)
        for first, last, ruling in runs.stretches()
        if ruling.verdict == "not-ram" and first > end
    ]
    pages = sum(runs.pfns.pages(first, last) for first, last in above)
    if pages < _FEW or 2 * pages <= total:
        return
    message = (
        f"is this the right memory map? Its RAM ends at PFN 0x{end:x}, and {pages} of {total} "
        "PFNs are above"
    )
    yield finding(LIST_BEYOND, message, pfns=(above[0][0], above[-1][1]))


def like_addresses(runs: Runs, kernel: NextKernel) -> Iterator[Finding]:
    """Yield a finding if the numbers of a plain list look like addresses.

    They do if the map has none of them as a PFN, and all of them as an address.
    """
    frames = kernel.frames
    if frames is None or not runs.rulings or any(r.verdict != "not-ram" for r in runs.rulings):
        return
    shift = page_shift(kernel.page_size)
    if all(frames.find(pfn >> shift) is not None for ends in runs.pfns for pfn in ends):
        first = runs.extents[0].first
        yield finding(
            LIKE_ADDRESSES,
            f"these look like addresses, not PFNs: 0x{first:x} is in no range of the map, the "
            f"address 0x{first:x} is",
        )


def all_aligned(pfns: PfnSet, page_size: int) -> Iterator[Finding]:
    """Yield a finding if all numbers of a plain list would be addresses of pages.

    Two PFNs that do so by chance are one pair in millions; low ones may be round numbers.
    """
    if any(first != last or first % page_size or first < _LOWEST for first, last in pfns):
        return
    pages = pfns.pages()
    if pages < _FEWEST:
        return
    yield finding(
        LIKE_ADDRESSES,
        f"these look like addresses, not PFNs: all {pages} numbers are multiples of "
        f"0x{page_size:x}",
    )


def decides_alone(
    h: Handover, kernel: NextKernel, source: Source | None, decision: Decision
) -> str | None:
    """Return what makes a captured handover fatal by the map alone, None where nothing does.

    ``decision`` is what becomes of it. The next kernel's command line does not count: it is the
    user's choice.
    """
    if kernel.memory is None or not captured(source):
        return None
    from hwpkho.judging.outcome import judge_handover  # not for a list

    by_map = decision if kernel.cmdline is None else judge_handover(h, kernel.without_cmdline())
    if by_map.finding is None or by_map.outcome not in FATAL:
        return None
    alone = judge_handover(h, kernel.without_memory())
    return None if alone.outcome in FATAL else by_map.finding.message


def must_fit(
    options: ValidateOptions,
    memory: Regions | None,
    handovers: Iterable[tuple[Handover | None, Source | Closed | None]],
) -> None:
    """Raise InputError where the maps cannot be of the machine of one of the handovers."""
    if memory is None:
        return
    for handover, source in handovers:
        if handover is None or handover.page_size is None:
            continue
        kernel = next_kernel(options, handover.page_size, memory, handover.arch)
        why = misfit(handover, kernel, source)
        if why is not None:
            raise InputError(
                f"{files(options)}: {why}: is this the right memory map? ({WRONG_MAP.id})"
            )


def _places_read(h: Handover) -> Iterator[Place]:
    """Yield the parts of a handover that were read from memory and proved sound."""
    fdt = h.root.fdt if h.root else None
    if fdt is not None and h.root is not None and h.root.phys is not None:
        yield Place("root FDT", (h.root.phys,))
    metadata = fdt.find(roots.KEXEC_METADATA) if fdt else None
    if h.metadata is not None and metadata is not None and metadata.phys is not None:
        yield Place("kexec-metadata", (linear(metadata.phys, h.arch),))
    if h.walk is not None and h.tracker != "gone" and h.walk.nodes:
        yield Place("tracker", tuple(h.walk.nodes))
    w = h.hwpoison
    if w is not None and w.blob is not None and w.phys is not None:
        yield Place("hwpoison blob", (w.phys,))
    if w is not None and w.pfns is not None and w.chunks:
        yield Place("chunk", tuple(w.chunks))
    if w is not None and w.pfns and w.pages:
        # Pages of the array beyond the last live entry were not read.
        block = (h.page_size or DEFAULT_PAGE_SIZE) << w.order
        yield Place("array page", tuple(w.pages[: -(-8 * len(w.pfns) // block)]))
    if h.scratch is not None and h.scratch.array is not None and h.scratch.areas is not None:
        yield Place("scratch array", (h.scratch.array,))


def _places_named(h: Handover) -> Iterator[Place]:
    """Yield the places that a copy of the root FDT names; none of them was read."""
    fdt = h.root.fdt if h.root else None
    if fdt is None:
        return
    if fdt.memory_map:
        yield Place("tracker", (linear(fdt.memory_map, h.arch),))
    for ref in fdt.subtrees:
        if ref.phys is not None:
            yield Place(ref.name, (linear(ref.phys, h.arch),))


def _scratch(areas: list[tuple[int, int]], kernel: NextKernel) -> Place:
    """Return scratch as a place: the start of each area, or its end if only that is outside RAM."""
    return Place("scratch", tuple(a if kernel.outside(a) else a + n - 1 for a, n in areas))


def _blocks(h: Handover, kernel: NextKernel) -> tuple[int, ...]:
    """Return the addresses of up to two preserved blocks outside RAM, if the tracker is intact.

    A kernel marks RAM only. A single block outside may be damage, on which a kernel panics.
    """
    if h.walk is None or h.tracker != "complete" or not h.walk.intact:
        return ()
    found: set[int] = set()
    structs = list(kernel.sections(possible=True))
    for first, end, order in h.walk.preserved.spans():
        if len(found) < 2 and kernel.outside(first, end - first):
            found.update(h.walk.preserved.outside(first, order, structs) or ())
    return tuple(sorted(found)[:2])
