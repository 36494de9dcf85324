"""What pictures of memory show: the map, the bad pages, and who owns which memory."""

from __future__ import annotations

from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import PfnSet, in_any, pfn_set
from hwpkho.report.parts import to_scale
from hwpkho.report.parts.to_scale import Layer, Marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hwpkho.handover.model import Handover
    from hwpkho.memmap.view.regions import Regions
    from hwpkho.report.parts.to_scale import Run

#: Owners of preserved memory with a colour and name of their own, the largest; others share one.
MAX_OWNERS = 6


class Memory(NamedTuple):
    """What a picture of memory shows.

    Attributes:
        runs: The memory map, in bytes; empty without one.
        bad: Bad pages by what becomes of them, worst first; kinds of ``to_scale.BAD``.
        owners: Scratch, the handover's own pages, and memory preserved for others.
        units: Memory that an EFI table calls bad.
        names: Kind → name in the legend, for the kinds of ``owners`` and ``units``.
    """

    runs: Sequence[Run] = ()
    bad: Sequence[Marks] = ()
    owners: Sequence[Marks] = ()
    units: Sequence[Marks] = ()
    names: Mapping[str, str] = MappingProxyType({})

    def layers(self) -> list[Layer]:
        """Return the bands of a picture that are not empty, of: memory, owners, EFI units."""
        bands = (Layer(self.runs, self.bad), Layer((), self.owners), Layer((), self.units))
        return [band for band in bands if band.runs or band.marks]


def of_pages(pfns: PfnSet, page_size: int, regions: Regions | None = None) -> Memory:
    """Return bad pages without a verdict, on the memory map if there is one.

    ``page_size`` is in bytes.
    """
    runs = to_scale.joined((r.start, r.end, r.kind) for r in regions.regions) if regions else ()
    return Memory(runs, marked("bad", pfns, page_size))


def marked(kind: str, pfns: PfnSet, page_size: int) -> list[Marks]:
    """Return the pages as a mark of ``kind``; empty for no pages. ``page_size`` in bytes."""
    return [Marks(kind, pfns, [(pfns.first[0], pfns.last[-1])], page_size)] if pfns else []


def with_handover(memory: Memory, h: Handover | None, page_size: int) -> Memory:
    """Return ``memory`` with the owners in the handover ``h`` added; ``page_size`` in bytes."""
    if h is None:
        return memory
    marks, names = list(memory.owners), dict(memory.names)

    def add(kind: str, name: str, pages: PfnSet) -> None:
        if pages:
            marks.extend(marked(kind, pages, page_size))
            names[kind] = name

    owned = list(h.account.owned) if h.account else []
    own = [x.pages for x in owned if x.known_by is None and x.kind != "unknown"]
    add("handover", "the handover's own pages", in_any([*own, _own_pages(h, page_size)]))
    files = sorted((x for x in owned if x.known_by), key=lambda x: -x.pages.pages())
    for i, x in enumerate(files[:MAX_OWNERS], 1):
        add(f"owner-{i}", x.name, x.pages)
    others = [x.pages for x in files[MAX_OWNERS:]]
    add("others", counted(len(others), "more owner"), in_any(others))
    unknown = h.account.unknown if h.account else None
    add("nobody", "preserved, owner not known", unknown.pages if unknown else PfnSet())
    areas = h.scratch.areas or () if h.scratch else ()
    add("scratch", "scratch", of_bytes(((a, a + size) for a, size in areas), page_size))
    return memory._replace(owners=marks, names=names)


def _own_pages(h: Handover, page_size: int) -> PfnSet:
    """Return the pages of root FDT, tracker, subtrees, chunks and array, as far as known."""
    places: list[tuple[int, int]] = []
    if h.root and h.root.phys is not None:
        places.append((h.root.phys, h.root.totalsize or 1))
    subtrees = h.root.subtrees if h.root else ()
    places += [(s.phys, s.size or 1) for s in subtrees if s.phys is not None]
    places += [(phys, page_size) for phys in (h.walk.nodes if h.walk else ())]
    if h.hwpoison is not None:
        places += [(phys, page_size) for phys in h.hwpoison.chunks or ()]
        places += [(phys, page_size << h.hwpoison.order) for phys in h.hwpoison.pages or ()]
    return of_bytes(((a, a + size) for a, size in places), page_size)


def of_bytes(ranges: Iterable[tuple[int, int]], unit: int) -> PfnSet:
    """Return the units of ``unit`` bytes that ranges of bytes touch.

    The ranges are in any order, ends exclusive, and cut at 2^64.
    """
    first, last = array("Q"), array("Q")
    for start, end in ranges:
        if start < (end := min(end, PHYS_END)):
            first.append(start // unit)
            last.append((end - 1) // unit)
    return pfn_set(Listing(first, last))
