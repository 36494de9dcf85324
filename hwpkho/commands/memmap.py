"""What ``hwpkho memmap`` does, without the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs import maps
from hwpkho.memmap import names
from hwpkho.memmap.writers import WRITERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map, MemoryMap
    from hwpkho.memmap.view.regions import Regions
    from hwpkho.memmap.writers import MapWriter

#: What ``--to`` calls the document of ``--json``.
JSON = "json"


class MemmapReport(NamedTuple):
    """A memory map and what the next kernel makes of it.

    Attributes:
        memmap: What was read.
        primary: The map shown.
        regions: The next kernel's view; None where the maps do not show it (other architectures,
            reservations without memory).
        next_cmdline: The command line that the view is for, None where none was given.
        problems: Of the map and of the view.
        map_name: The only map that counts, None where the user chose none.
    """

    memmap: MemoryMap
    primary: Map
    regions: Regions | None
    next_cmdline: str | None
    problems: tuple[Problem, ...]
    map_name: str | None = None


def show(
    paths: Sequence[str],
    *,
    boot: str | None = None,
    map_name: str | None = None,
    arch: str | None = None,
    next_cmdline: str | None = None,
) -> MemmapReport:
    """Read a memory map and work out what the next kernel makes of it.

    Raises InputError and UsageError as :func:`hwpkho.inputs.maps.read` does, and UsageError for a
    command line that the kernel refuses.
    """
    memmap = maps.read(paths, boot=boot, map_name=map_name, arch=arch)
    regions = _regions(memmap, map_name, next_cmdline)
    problems = list(memmap.problems)
    if regions:
        problems += [p for p in regions.problems if p not in problems]
    primary = next(m for m in memmap.maps if m.primary)
    return MemmapReport(memmap, primary, regions, next_cmdline, tuple(problems), map_name)


def _regions(memmap: MemoryMap, map_name: str | None, next_cmdline: str | None) -> Regions | None:
    from hwpkho.memmap.view import regions

    if map_name is not None and names.of(map_name).no_ram and next_cmdline is None:
        return None  # to be shown, though nothing is judged by it
    try:
        return regions.view_of(memmap, map_name=map_name, next_cmdline=next_cmdline)
    except InputError:
        if next_cmdline is not None:
            raise
        return None


def targets() -> list[str]:
    """Return every choice of ``--to``."""
    return [*WRITERS.names(), JSON]


def written(report: MemmapReport, writer: MapWriter) -> bytes:
    """Return the map shown in the form of ``writer``.

    What did not fit into a zero page follows it; reservations and limits count where the form shows
    them. Raises UsageError where the map cannot be written in that form or does not say what RAM
    there is, or where a command line is given: what a kernel makes of a map is no map of the
    machine. Raises InputError where lines of the map are lost, which these forms cannot express.
    """
    from hwpkho.memmap import extended  # the readers of what is written; help needs none of them
    from hwpkho.memmap.writers import iomem

    shown = extended.whole(report.primary, report.memmap.maps)
    beside = [
        m
        for m in report.memmap.maps
        if m is not report.primary and names.of(m.name).entries in ("reservations", "limit")
    ]
    found = [*shown.gaps, *(gap for m in beside for gap in m.gaps)]
    if found:
        gap = found[0].problem
        raise InputError(
            f"{printable(report.memmap.source)}: the map has lost lines, which {writer.name} "
            f"cannot show: {gap.message}"
        )
    if report.next_cmdline is not None:
        raise UsageError(f"--to {writer.name} writes the map unchanged: leave out --next-cmdline")
    if why := names.of(shown.name).no_ram:
        raise UsageError(
            f"--to {writer.name}: {shown.name}: {why}; the output would look like the machine's "
            "own map"
        )
    if beside and writer.reserves and report.regions and report.map_name is None:
        shown = iomem.of_regions(report.regions.regions, shown.boot)
    return writer.write(shown, report.memmap.arch)
