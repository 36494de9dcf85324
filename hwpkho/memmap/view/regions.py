"""The view of memory that validate uses: what each frame is to the next kernel.

Which map counts: on x86 the user-defined or modified e820 map where there is one, else the
firmware's (log, zero page, sysfs), refined by an EFI map where both are known; without an e820
map the EFI map, as the boot stub turns it into one; else /proc/iomem. On arm64 the EFI map, else
the device tree, else /proc/iomem; reservations of a device tree count beside an EFI map, too.
With a command line for the next kernel x86 starts from the firmware's map, because that is what
kexec passes on (arch/x86/kernel/kexec-bzimage64.c takes e820_table_kexec). Other maps of the
machine add labels, fill what the chosen one leaves open, and are compared with it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base import arch as arches
from hwpkho.base import garbage
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.base.ranges import difference, joined
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import MAPS_DISAGREE
from hwpkho.errors import InputError, UsageError
from hwpkho.memmap import extended, gaps, names
from hwpkho.memmap.view import VIEWS, common, gap_filling, ownership
from hwpkho.memmap.view.spans import Kind, Span, What, combine, occupy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map, MemoryMap
    from hwpkho.memmap.view.cmdline import Cmdline

#: A page with parts of several kinds counts as the first of these among them; a page that is RAM
#: only in part and otherwise a hole is in no run (memblock_trim_memory).
_MIXED: tuple[Kind, ...] = ("retired", "firmware", "device", "unknown")


@dataclass(frozen=True, slots=True)
class Region:
    """A range of physical memory and what it is to the next kernel.

    Attributes:
        start: First byte.
        end: Last byte, inclusive.
        kind: ``ram`` (the page allocator may own it), ``in-use`` (RAM that is in use),
            ``firmware``, ``retired`` (unusable by the map itself), ``device``, or ``unknown``: the
            map's lines about it are lost.
        label: What the map calls it: ``System RAM``, ``EFI boot_services_data``, ``Kernel code``.
        source: Name of the map that says so.
        what: What it is beyond its kind, see :data:`hwpkho.memmap.view.spans.What`.
    """

    start: int
    end: int
    kind: Kind
    label: str
    source: str
    what: What = "memory"


class Frames:
    """Regions in page frames of one size: columns of equal length, ascending and disjoint.

    Attributes:
        first: First PFN of each run.
        last: Last PFN, inclusive.
        kind: As :attr:`Region.kind`.
        label: As :attr:`Region.label`.
        source: As :attr:`Region.source`.
        what: As :attr:`Region.what`.
    """

    def __init__(self) -> None:
        self.first, self.last = array("Q"), array("Q")
        self.kind: list[Kind] = []
        self.label: list[str] = []
        self.source: list[str] = []
        self.what: list[What] = []
        self._of_kinds: dict[
            tuple[tuple[Kind, ...], What | None], tuple[array[int], array[int]]
        ] = {}

    def of_kinds(
        self, kinds: tuple[Kind, ...], what: What | None = None
    ) -> tuple[array[int], array[int]]:
        """Return first and last PFNs of the runs of some kinds, or of ``what``, neighbours joined.

        The arrays are cached, as one view may judge many cases: do not change them.
        """
        if (kinds, what) not in self._of_kinds:
            self._of_kinds[kinds, what] = self._joined(kinds, what)
        return self._of_kinds[kinds, what]

    def _joined(self, kinds: tuple[Kind, ...], what: What | None) -> tuple[array[int], array[int]]:
        first, last = array("Q"), array("Q")
        for a, b, kind, found in zip(self.first, self.last, self.kind, self.what, strict=True):
            if kind not in kinds and found != what:
                continue
            if last and last[-1] + 1 == a:
                last[-1] = b
            else:
                first.append(a)
                last.append(b)
        return first, last

    def runs(self) -> Iterator[tuple[int, int, Kind, str]]:
        """Yield first and last PFN, kind and label of each run."""
        return zip(self.first, self.last, self.kind, self.label, strict=True)

    def find(self, pfn: int) -> int | None:
        """Return the index of the run that holds ``pfn``, None where nothing does."""
        i = bisect_right(self.first, pfn) - 1
        return i if i >= 0 and pfn <= self.last[i] else None


class _Framed:
    """What :meth:`Regions.frames` has made so far: views are equal whether or not it was asked.

    Attributes:
        of_size: Page size, bytes → frames.
    """

    def __init__(self) -> None:
        self.of_size: dict[int, Frames] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Framed)

    def __hash__(self) -> int:
        return hash(_Framed)


class Regions(NamedTuple):
    """The view as a whole.

    Attributes:
        regions: Ascending, disjoint; holes are absent.
        arch: A name of ``ARCHES``.
        base: Name of the map that decides what is RAM.
        maps: Names of all maps used, the deciding one first.
        framed: What :meth:`frames` has made so far.
        cmdline: The next kernel's command line, None where that is not known.
        problems: Disagreements, overlaps, and what cannot be known in advance.
        arch_from: Where the architecture comes from: ``input``, ``option`` or ``default``.
        before: The machine's memory before the next command line changes it, None without one.
        images: Where a /proc/iomem has the kernel that printed it: ``Kernel code`` and its like.
        memmap: The maps that it was made from, of one boot; None where they are not needed.
    """

    regions: tuple[Region, ...]
    arch: str
    base: str
    maps: tuple[str, ...]
    framed: _Framed
    cmdline: Cmdline | None = None
    problems: tuple[Problem, ...] = ()
    arch_from: str = "input"
    before: Regions | None = None
    images: tuple[Region, ...] = ()
    memmap: MemoryMap | None = None

    def at(self, phys: int) -> Region | None:
        """Return the region that holds physical address ``phys`` (bytes), None in a hole."""
        i = bisect_right(self.regions, phys, key=lambda region: region.start) - 1
        return self.regions[i] if i >= 0 and phys <= self.regions[i].end else None

    def ram_bytes(self) -> int:
        """Return how many bytes are RAM, those in use included."""
        return sum(r.end - r.start + 1 for r in self.regions if r.kind in ("ram", "in-use"))

    def frames(self, page_size: int) -> Frames:
        """Return the regions in frames of ``page_size`` bytes.

        A frame that is not wholly RAM is not RAM: the kernel rounds RAM inwards, everything else
        outwards (memblock_trim_memory, PFN_UP and PFN_DOWN).
        """
        made = self.framed.of_size
        if page_size not in made:  # one view may judge many cases
            made[page_size] = _frames(self.regions, page_size)
        return made[page_size]


@garbage.uncollected()
def view_of(
    memmap: MemoryMap,
    *,
    map_name: str | None = None,
    boot: int | None = None,
    iomem_of: Literal["running", "next"] = "running",
    next_cmdline: str | None = None,
) -> Regions:
    """Return the next kernel's view of memory, from the maps of one machine.

    Args:
        memmap: What was read.
        map_name: Use this map alone.
        boot: The boot whose maps are used; default the first of ``memmap``.
        iomem_of: Whose /proc/iomem it is. Only the next kernel's shows what that kernel uses.
        next_cmdline: The command line of the next kernel.

    Raises UsageError for an unknown map or boot and for a command line that the kernel refuses;
    InputError where the maps give no RAM to judge by, are of another architecture, or have lost
    lines whose place is unknown.
    """
    arch = arches.known(memmap.arch)
    if arch is None:
        raise InputError(
            f"{printable(memmap.source)}: a memory map of {printable(memmap.arch)}: "
            f"only {' and '.join(arches.ARCHES.names())} can be judged"
        )
    maps = _of_boot(memmap, boot)
    line: Cmdline | None = None
    if next_cmdline is not None:
        from hwpkho.memmap.view import parameters  # few calls have a command line

        line = parameters.parse(next_cmdline, memmap.arch)
    problems: list[Problem] = []
    if map_name is not None:
        maps = {map_name: _named(maps, map_name)}
    maps = {name: extended.whole(one, maps.values()) for name, one in maps.items()}
    kernel = VIEWS[arch.memory]
    built = kernel.build(maps, line, iomem_of, problems)
    if built is None:
        known = ", ".join(printable(name) for name in maps) or "none"
        raise InputError(
            f"{printable(memmap.source)}: no map to judge by: none of those found ({known}) "
            "says where the machine's RAM is"
        )
    spans = gap_filling.fill(
        built, maps, lambda one: kernel.build(one, line, iomem_of, []), memmap.source, problems
    )
    if arch.low:
        low = Span(0, arch.low.end, "in-use", arch.low.label, built.names[0])
        above = bisect_left(spans, low.end, key=itemgetter(0))
        spans = [*combine(spans[:above], [low], occupy), *spans[above:]]
    if line is not None:
        spans = _crash_kernel(spans, line, memmap.arch)
        problems.extend(line.problems)
    _compare(built, maps, arch.low_end, problems)
    if not any(span.kind in ("ram", "in-use") for span in spans):
        if line is not None and line.changes_map():
            raise UsageError(f"{option('next_cmdline')}: leaves the next kernel no RAM")
        lost = maps[built.names[0]].gaps
        why = f": {lost[0].problem.message}" if lost else ""
        raise InputError(
            f"{printable(memmap.source)}: the map {printable(built.names[0])} leaves the next "
            f"kernel no RAM{why}"
        )
    return Regions(
        tuple(Region(s.start, s.end - 1, s.kind, s.label, s.source, s.what) for s in spans),
        memmap.arch,
        built.names[0],
        tuple(built.names),
        _Framed(),
        line,
        tuple(problems),
        memmap.arch_from,
        images=tuple(
            Region(e.start, e.end, "in-use", e.type, name, "kernel")
            for name, one in maps.items()
            if names.of(name).entries == "resources"
            for e in one.entries
            if ownership.of_resource(e.type)[1] == "kernel"
        ),
    )


def _of_boot(memmap: MemoryMap, boot: int | None) -> dict[str, Map]:
    boots = sorted({m.boot for m in memmap.maps})
    if boot is None:
        boot = boots[0] if boots else 0
    elif boot not in boots:
        known = ", ".join(map(str, boots)) or "none"
        raise UsageError(f"{option('boot', boot)}: no such boot; there are: {known}")
    return {m.name: m for m in memmap.maps if m.boot == boot}


def _named(maps: dict[str, Map], name: str) -> Map:
    if name not in maps:
        known = ", ".join(printable(n) for n in maps) or "none"
        raise UsageError(f"{option('map_name', printable(name))}: no such map; there are: {known}")
    if why := names.of(name).no_ram:
        raise UsageError(f"{option('map_name', printable(name))}: {why}: hwpkho cannot judge by it")
    return maps[name]


def _crash_kernel(spans: list[Span], line: Cmdline, arch: str) -> list[Span]:
    from hwpkho.memmap.view import parameters
    from hwpkho.memmap.view.crashkernel import crash_kernel

    memory = sum(s.end - s.start for s in spans if s.kind in ("ram", "in-use"))

    def is_ram(start: int, end: int) -> bool:
        ram = joined((s.start, s.end) for s in spans if s.kind == "ram")
        return not any(difference([(start, end + 1)], ram))

    with parameters.reading():
        area = crash_kernel(line, memory, arch, is_ram)
    if area is None:
        return spans
    label = "Crash kernel (crashkernel=)"
    above = Span(area.start, area.end + 1, "in-use", label, "next_cmdline", "crash-kernel")
    return combine(spans, [above], occupy)


def _compare(
    built: common.View, maps: Mapping[str, Map], floor: int, problems: list[Problem]
) -> None:
    """Report where other maps of the machine disagree about RAM with the one that is used.

    Memory below ``floor``, bytes, is not compared, nor the gaps of a map.
    """
    for believed, our_spans, name, their_spans in built.checks:
        ours, theirs = _ram(our_spans), _ram(their_spans)
        for left, right, left_name, right_name in (
            (ours, theirs, believed, name),
            (theirs, ours, name, believed),
        ):
            open_ = gaps.known(maps[right_name].gaps) if right_name in maps else []
            only = common.subtract(left, [*right, *open_], floor)
            if only:
                shown = ", ".join(f"0x{a:x}-0x{b - 1:x}" for a, b in only[:3])
                more = f" and {len(only) - 3} more" if len(only) > 3 else ""
                message = (
                    f"RAM by {left_name}, but not by {right_name}: {shown}{more}; hwpkho uses "
                    f"{believed}"
                )
                problems.append(problem(MAPS_DISAGREE, message, only[0][0]))


def _ram(spans: Sequence[Span]) -> list[tuple[int, int]]:
    return [(s.start, s.end) for s in spans if s.kind in ("ram", "in-use")]


def _frames(regions: Sequence[Region], page_size: int) -> Frames:
    runs: list[tuple[int, int, Kind, str, str, What]] = []
    shared: dict[int, list[Region]] = {}
    for region in regions:
        end = region.end + 1
        first, last = -(-region.start // page_size), end // page_size - 1
        if first <= last:
            runs.append((first, last, region.kind, region.label, region.source, region.what))
        if region.start % page_size:
            shared.setdefault(region.start // page_size, []).append(region)
        if end % page_size and (not region.start % page_size or end // page_size >= first):
            shared.setdefault(end // page_size, []).append(region)
    for pfn, parts in shared.items():
        part = _shared_page(pfn * page_size, page_size, parts)
        if part is not None:
            runs.append((pfn, pfn, part.kind, part.label, part.source, part.what))
    runs.sort()
    frames = Frames()
    before: tuple[Kind, str, str, What] | None = None
    for first, last, kind, label, source, what in runs:
        if before == (kind, label, source, what) and frames.last[-1] + 1 == first:
            frames.last[-1] = last
            continue
        before = (kind, label, source, what)
        frames.first.append(first)
        frames.last.append(last)
        frames.kind.append(kind)
        frames.label.append(label)
        frames.source.append(source)
        frames.what.append(what)
    return frames


def _shared_page(start: int, size: int, parts: Sequence[Region]) -> Region | None:
    """Return the region that decides for a page that several regions share or one fills in part."""
    for kind in _MIXED:
        for part in parts:
            if part.kind == kind:
                return part
    covered = sum(min(p.end + 1, start + size) - max(p.start, start) for p in parts)
    if covered < size:
        return None
    return next((p for p in parts if p.kind == "in-use"), parts[0])
