"""The machine that a call is about: its memory maps, checked against what the inputs record.

Every command that takes a handover or a list, and a map, gets its view of memory here, so that a
map of another architecture, or of another machine, is noticed in all of them alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import kho
from hwpkho.base import arch as arches
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.inputs import maps
from hwpkho.judging.next_kernel import NextKernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.inputs.case import Case
    from hwpkho.inputs.lists import CaseList
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.memmap.model import MemoryMap
    from hwpkho.memmap.view.regions import Regions


class Machine(NamedTuple):
    """What one input records of its machine.

    Attributes:
        name: The input, printable.
        arch: None where it does not record it.
        page_size: Bytes, None where it does not record it.
        handover: Whether the input is a handover. A plain list may be meant for another machine
            than the one it is from: its page size alone contradicts no map.
    """

    name: str
    arch: str | None = None
    page_size: int | None = None
    handover: bool = True

    @property
    def known_arch(self) -> str | None:
        """The architecture as recorded, or the only one that has pages of this size, or None."""
        only = arches.by_page_size(self.page_size)
        return self.arch or (only.name if only else None)


def of_case(case: Case, page_size: int | None = None) -> list[Machine]:
    """Return what a case's handovers, or its plain list, record about the machine.

    ``page_size`` (bytes) is the user's, for inputs that do not record it.
    """
    plain = case.pages
    if plain is not None:
        return [Machine(case.name, plain.arch, plain.page_size or page_size, handover=False)]
    if not case.handovers and case.source is not None:
        return [Machine(case.name, case.source.arch, page_size)]
    return [Machine(case.name, h.arch, h.page_size) for h in case.handovers]


def of_lists(lists: Iterable[CaseList]) -> list[Machine]:
    """Return what inputs that were read as lists record about their machines."""
    return [Machine(x.name, x.arch, x.page_size, x.handover is not None) for x in lists]


def memory(options: ValidateOptions, machines: Sequence[Machine]) -> Regions | None:
    """Return what the next kernel makes of the memory maps; None where none was given.

    Raises InputError where a map is of another architecture than one of ``machines``, or cannot
    be read; UsageError for an unknown map or boot, and for a command line that the kernel refuses.
    """
    if not options.memmaps:
        return None
    memmap = maps.read(options.memmaps, boot=options.boot, arch=options.case.arch)
    return memory_of(memmap, options, machines)


def memory_of(memmap: MemoryMap, options: ValidateOptions, machines: Sequence[Machine]) -> Regions:
    """Return what the next kernel makes of a memory map that was read; raises as :func:`memory`."""
    from hwpkho.memmap.view.regions import view_of  # costs a third of the start-up: on demand

    arch = next((m.known_arch for m in machines if m.known_arch), None)
    _same_arch(memmap, machines)
    if memmap.arch_from == "default" and arch is not None:
        memmap = memmap._replace(arch=arch, arch_from="option")
    boot = memmap.maps[0].boot if memmap.maps else None

    def view(next_cmdline: str | None) -> Regions:
        return view_of(
            memmap,
            map_name=options.map_name,
            boot=boot,
            iomem_of=options.iomem_of,
            next_cmdline=next_cmdline,
        )

    regions = view(options.next_cmdline)
    before = None if options.next_cmdline is None else view(None)
    # The verdicts are no better than the map: its own problems are reported with them.
    problems = (*memmap.problems, *regions.problems)
    return regions._replace(problems=problems, before=before, memmap=memmap)


def _same_arch(memmap: MemoryMap, machines: Sequence[Machine]) -> None:
    """Raise InputError where the map and the machines are not of one architecture."""
    shown, arch = printable(memmap.source), memmap.arch if memmap.arch_from == "input" else None
    first: Machine | None = None
    for m in machines:
        if m.known_arch is None or not (m.handover or m.arch):
            continue
        pages = "" if m.arch else f" (pages of {m.page_size} bytes)"
        if arch is not None and m.known_arch != arch:
            raise InputError(
                f"{m.name} is of {m.known_arch}{pages}, the memory map {shown} is of "
                f"{printable(arch)}: not one machine"
            )
        if first is not None and m.known_arch != first.known_arch:
            raise InputError(
                f"{first.name} is of {first.known_arch}, {m.name} of {m.known_arch}: {shown} "
                "cannot be the memory map of both"
            )
        first = first or m
        row = arches.known(arch)
        if row is not None and not row.has_pages(m.page_size):
            raise InputError(
                f"{m.name} has pages of {m.page_size} bytes, the memory map {shown} is of {arch}, "
                f"which has {row.page_sizes()}"
            )


def next_kernel(
    options: ValidateOptions, page_size: int, memory: Regions | None, arch: str | None = None
) -> NextKernel:
    """Return the next kernel as far as it is known, with a memory map or without.

    ``page_size`` (bytes) and ``arch`` are those of the handover or list; a map of another
    architecture has been refused. Raises InputError where a list counts in pages of a size that no
    kernel of the map's architecture has; UsageError for a command line that the kernel would
    refuse.
    """
    version = kho.named(options.consumer)
    arch = options.case.arch or arch
    if memory is not None:
        known = memory.arch if memory.arch_from != "default" else arch
        row = arches.known(known)
        if row is not None and not row.has_pages(page_size):
            source = memory.memmap.source if memory.memmap else "the map"
            raise InputError(
                f"the list counts in pages of {page_size} bytes, the memory map "
                f"{printable(source)} is of {row.name}, which has {row.page_sizes()}"
            )
        return NextKernel(page_size, version, known, memory.cmdline, memory)
    if options.next_cmdline is None:
        return NextKernel(page_size, version, arch)
    from hwpkho.memmap.view import parameters  # only where there is one

    line = parameters.parse(options.next_cmdline, arch)
    line.note_unapplied()
    return NextKernel(page_size, version, arch, line)


def files(options: ValidateOptions) -> str:
    """Return the names of the memory maps, printable."""
    return printable(" + ".join(options.memmaps))
