"""The next kernel that a call asks about: the memory maps, held against what the inputs tell.

Every command that takes a handover or a list, and a map, gets its view of memory here, so that a
map of another architecture, or of another machine, is noticed in all of them alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import arch as arches
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.judge import outcome as outcomes
from hwpkho.judge import wrong_map
from hwpkho.judge.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.handover.model import Handover
    from hwpkho.images.base import Source
    from hwpkho.inputs.case import Case
    from hwpkho.inputs.lists import CaseList
    from hwpkho.judge.options import ValidateOptions
    from hwpkho.memmap.model import MemoryMap
    from hwpkho.memmap.view.regions import Regions


class Machine(NamedTuple):
    """What one input tells of its machine.

    Attributes:
        name: The input, printable.
        arch: None where it does not tell.
        page_size: Bytes, None where it does not tell.
        handover: Whether it is one. A bare list was counted on its machine, but may be meant for
            any: it contradicts nothing.
    """

    name: str
    arch: str | None = None
    page_size: int | None = None
    handover: bool = True

    @property
    def told_arch(self) -> str | None:
        """The architecture, also where only one has pages of this size."""
        only = arches.by_page_size(self.page_size)
        return self.arch or (only.name if only else None)


def of_case(case: Case, page_size: int | None = None) -> list[Machine]:
    """Return what a case's handovers, or its plain list, tell of the machine.

    ``page_size`` is what the user says it is, bytes.
    """
    plain = case.pages
    if plain is not None:
        return [Machine(case.name, plain.arch, plain.page_size or page_size, handover=False)]
    return [Machine(case.name, h.arch, h.page_size) for h in case.handovers]


def of_lists(lists: Iterable[CaseList]) -> list[Machine]:
    """Return what cases tell that were read as lists."""
    return [Machine(x.name, x.arch, x.page_size, x.handover is not None) for x in lists]


def memory(options: ValidateOptions, machines: Sequence[Machine]) -> Regions | None:
    """Read and resolve the memory maps, None where none was given.

    Raises InputError where a map is of another architecture than one of ``machines``, or cannot
    be read; UsageError for an unknown map or boot, and for a command line that the kernel refuses.
    """
    if not options.memmaps:
        return None
    from hwpkho.memmap import read_memmap  # a map costs a third of the start-up: only on demand
    from hwpkho.memmap.view.regions import resolve

    told = next((m.told_arch for m in machines if m.told_arch), None)
    memmap = read_memmap(options.memmaps, boot=options.boot, arch=options.case.arch)
    _same_arch(memmap, machines)
    if memmap.arch_from == "default" and told is not None:
        memmap = replace(memmap, arch=told, arch_from="option")
    boot = memmap.maps[0].boot if memmap.maps else None

    def view(next_cmdline: str | None) -> Regions:
        return resolve(
            memmap,
            map_name=options.map_name,
            boot=boot,
            iomem_of=options.iomem_of,
            next_cmdline=next_cmdline,
        )

    regions = view(options.next_cmdline)
    before = None if options.next_cmdline is None else view(None)
    # A cut or doubtful map makes the verdicts doubtful.
    problems = (*memmap.problems, *regions.problems)
    return replace(regions, problems=problems, before=before)


def _same_arch(memmap: MemoryMap, machines: Sequence[Machine]) -> None:
    """InputError where the map tells another architecture than a machine, or one than another."""
    shown, arch = printable(memmap.source), memmap.arch if memmap.arch_from == "input" else None
    first: Machine | None = None
    for m in machines:
        if m.told_arch is None or not (m.handover or m.arch):
            continue
        pages = "" if m.arch else f" (pages of {m.page_size} bytes)"
        if arch is not None and m.told_arch != arch:
            raise InputError(
                f"{m.name} is of {m.told_arch}{pages}, the memory map {shown} is of "
                f"{printable(arch)}: not one machine"
            )
        if first is not None and m.told_arch != first.told_arch:
            raise InputError(
                f"{first.name} is of {first.told_arch}, {m.name} of {m.told_arch}: {shown} cannot "
                "be the memory map of both"
            )
        first = first or m
        row = arches.known(arch)
        if row is not None and not row.has_pages(m.page_size):
            raise InputError(
                f"{m.name} has pages of {m.page_size} bytes, the memory map {shown} is of {arch}, "
                f"which has {row.page_sizes()}"
            )


def ground(
    options: ValidateOptions, page_size: int, regions: Regions | None, arch: str | None = None
) -> Ground:
    """Return the next kernel as far as it is known; ``arch`` is what the handover tells.

    Its command line counts without a map, too. Raises UsageError for one that it would refuse.
    """
    consumer = options.consumer
    if regions is not None:
        return Ground(page_size, consumer, regions, regions.kho, regions.problems)
    if options.next_cmdline is None:
        return Ground(page_size, consumer)
    from hwpkho.memmap import cmdline

    line = cmdline.parse(options.next_cmdline, options.case.arch or arch)
    line.note_unapplied()
    return Ground(page_size, consumer, None, line.kho, tuple(line.problems))


def files(options: ValidateOptions) -> str:
    """Return the names of the memory maps, printable."""
    return printable(" + ".join(options.memmaps))


def misfit(
    handover: Handover, page_size: int, regions: Regions | None, source: Source | None
) -> str | None:
    """Say why the maps cannot be of the handover's machine, None where they can."""
    if regions is None:
        return None
    return wrong_map.judge(handover, Ground(page_size, regions=regions.before or regions), source)


def rests_on_map(handover: Handover, ground: Ground, source: Source | None) -> str | None:
    """Say what of a captured handover the map alone makes fatal, None where it does not.

    What the next command line makes fatal is the user's, not the map's.
    """
    regions = ground.regions
    if regions is None or not wrong_map.captured(source):
        return None
    machine = Ground(ground.page_size, ground.consumer, regions.before or regions)
    by_map = outcomes.judge(handover, machine)
    alone = outcomes.judge(handover, Ground(ground.page_size, ground.consumer))
    if by_map.finding is None or by_map.outcome == alone.outcome:
        return None
    return by_map.finding.message if by_map.outcome in wrong_map.FATAL else None


def must_fit(
    options: ValidateOptions,
    regions: Regions | None,
    handovers: Iterable[tuple[Handover | None, Source | None]],
) -> None:
    """Raise InputError where the maps cannot be of the machine of one of the handovers."""
    if regions is None:
        return
    for handover, source in handovers:
        if handover is None or handover.page_size is None:
            continue
        why = misfit(handover, handover.page_size, regions, source)
        if why is not None:
            raise InputError(f"{files(options)}: {why}: is this the right memory map? (HP566)")
