"""Judging: what the next kernel will do with a case or a list, and how lists differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from hwpkho.abi.kho import DEFAULT, named
from hwpkho.api import inputs, parameters
from hwpkho.api.inputs import Comparing, Judging, Limiting
from hwpkho.api.results import Compared, Judged, MemoryMap, Merged, PageList
from hwpkho.badpages.model import BadPages
from hwpkho.base import arch as arches
from hwpkho.base.listing import Listing
from hwpkho.base.options import of_library
from hwpkho.commands import diff as differing
from hwpkho.commands import merge as merging
from hwpkho.commands import usage
from hwpkho.commands import validate as validating
from hwpkho.inputs.case import Case, CaseOptions
from hwpkho.judging import accept, machine
from hwpkho.judging.efi_table import generations
from hwpkho.judging.options import Limits, ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from hwpkho.api.inputs import Files, ListNamed
    from hwpkho.inputs.lists import CaseList, CaseNamed
    from hwpkho.judging.result import Validation
    from hwpkho.memmap.model import MemoryMap as Maps

    #: Reads one case.
    Read: TypeAlias = "Callable[[CaseOptions], Case]"


def validate(files: Files, **options: Unpack[Judging]) -> Judged:
    """Judge what the next kernel will do with the handover or the list in ``files``.

    Example::

        judged = hwpkho.validate(["memory.elf", "debugfs-kho"], memmap="iomem.txt")
        print(judged.outcome, judged.counts)

    Raises InputError where an input cannot be read or judged; UsageError for an unknown map, boot
    or code, and for an option that has no effect on this call.
    """
    options = inputs.check(options, Judging)
    parameters.files("files", files)
    against = options.get("against", ())
    groups = files, options.get("memmap"), options.get("baseline"), *map(files_of, against)
    with inputs.named(*groups) as (names, maps, baseline, *held):
        how = options_of(options, maps, held=_held(against, held))
        accepted = _accepting(options, baseline)
        return _counted(validating.validate(names, how), accepted)


def of_case(case: Case, options: Mapping[str, Any], read: Read | None = None) -> Judged:
    """Judge a case that is open; ``options`` as for :func:`validate`, checked.

    ``read`` reads it anew, for a kernel that reads it otherwise.
    """
    against = options.get("against", ())
    groups = options.get("memmap"), options.get("baseline"), *map(files_of, against)
    with inputs.named(*groups) as (maps, baseline, *held):
        how = options_of(options, maps, held=_held(against, held))
        accepted = _accepting(options, baseline)
        if read is not None and validating.reads_otherwise(case, how):
            case = read(how.case._replace(reads_as=named(how.consumer)))
        return _counted(validating.of_case(case, how), accepted)


def _held(against: Sequence[ListNamed], names: Sequence[tuple[str, ...]]) -> tuple[CaseNamed, ...]:
    return tuple(listed(x, files) for x, files in zip(against, names, strict=True))


def _counted(validation: Validation, accepted: accept.Acceptance) -> Judged:
    """Divide the findings into those that count and the others."""
    result = accept.apply(validation, accepted, validation.name, (), ())
    result = accept.with_stale(result, accepted)
    return Judged(result.validation or validation, not result.exit, result.suppressed)


def judge(
    pfns: Iterable[int],
    memmap: Files | MemoryMap | Iterable[tuple[int, int, str]] | None = None,
    *,
    page_size: int = 4096,
    arch: str | None = None,
    next_cmdline: str | None = None,
    **limits: Unpack[Limiting],
) -> Judged:
    """Judge a list of PFNs against a memory map.

    Args:
        pfns: In any order; a list, an array, or anything else that gives integers.
        memmap: Files, what :func:`hwpkho.read_memmap` returned (its ``map_name`` counts, and its
            ``next_cmdline`` where none is given here), or rows ``(start, end, type)`` as
            /proc/iomem has them: first and last byte, and a name such as ``System RAM``.
        page_size: Bytes that a PFN stands for.
        arch: ``x86_64`` or ``arm64``, if the map does not record it.
        next_cmdline: Command line of the next kernel.
        limits: As for :func:`hwpkho.validate`.

    Raises InputError where the map cannot be read or judged by, or is of another architecture;
    UsageError for one that has no such pages; ValueError for an integer that is not a PFN.
    """
    limits = inputs.check(limits, Limiting)
    parameters.check({"arch": arch, "next_cmdline": next_cmdline}, parameters.OPTIONS)
    page_size = parameters.BUILD["page_size"]("page_size", page_size)
    parameters.judged_by("memmap", memmap)
    with of_library():
        usage.check_pair(CaseOptions(page_size, arch=arch))
    listing = Listing(parameters.pfns("pfns", pfns))
    case = Case("pfns", (), BadPages("pfns", listing, page_size, arch))
    options: dict[str, Any] = {"arch": arch, "next_cmdline": next_cmdline, **limits}
    if memmap is None or parameters.are_files(memmap):
        return of_case(case, {**options, "memmap": memmap})
    with inputs.named():
        if isinstance(memmap, MemoryMap):
            maps = memmap._shown.memmap
            options["map_name"] = memmap._shown.map_name
            if next_cmdline is None:
                options["next_cmdline"] = memmap._shown.next_cmdline
        else:
            maps = _rows(parameters.rows("memmap", memmap), arch)
        how = options_of(options, ())
        judged = validating.of_case(case, how, lambda *given: machine.memory_of(maps, *given))
        return _counted(judged, accept.Acceptance())


def _rows(rows: Iterable[tuple[int, int, str]], arch: str | None) -> Maps:
    """Return a memory map of plain rows."""
    from hwpkho.memmap.model import Entry, Map
    from hwpkho.memmap.model import MemoryMap as Maps

    entries = [Entry(start, end, kind, {"depth": 0}) for start, end, kind in rows]
    maps = (Map("iomem", 0, tuple(entries), primary=True),)
    return Maps("memmap", "rows", arch or arches.DEFAULT, "option" if arch else "default", maps)


def diff(*cases: ListNamed, **options: Unpack[Comparing]) -> Compared:
    """Compare lists: two, a chain of more, or both handovers of one capture.

    Each case is files of one machine, or what :func:`hwpkho.read_list` returned. With ``memmap``
    the changes between two lists have verdicts.

    Raises InputError where a list cannot be read, UsageError for an option that has no effect.
    """
    options = inputs.check(options, Comparing)
    parameters.cases(cases, "diff needs two lists, or one capture that holds two handovers")
    with inputs.named(options.get("memmap"), *map(files_of, cases)) as (maps, *names):
        found = [listed(case, files) for case, files in zip(cases, names, strict=True)]
        return Compared(differing.diff(found, options_of(options, maps)))


def merge(
    *cases: ListNamed,
    exclude: Sequence[ListNamed] = (),
    intersect: bool = False,
    first_seen: bool = False,
    keep_all: bool = False,
    replayable_only: bool = False,
    provenance: bool = False,
    to_page_size: int | None = None,
    **options: Unpack[Comparing],
) -> Merged:
    """Merge lists.

    Args:
        cases: Each is files of one machine, or what :func:`hwpkho.read_list` returned.
        exclude: Leave out the PFNs of these.
        intersect: Keep only PFNs that are in every case.
        first_seen: Keep the order in which PFNs are first seen; default ascending.
        keep_all: With ``memmap``: keep all PFNs; else those that are no memory of this machine, or
            not the kernel's, are left out.
        replayable_only: With ``memmap``: keep only PFNs that will be replayed.
        provenance: Say in the document which case lists which PFN.
        to_page_size: Page size of the result, bytes; default the smallest of the cases.
        options: How cases are read, and the memory map.

    Raises InputError where a list cannot be read, or cannot be converted without loss.
    """
    options = inputs.check(options, Comparing)
    parameters.cases(cases, "merge needs a list")
    how_merged: dict[str, Any] = {
        "exclude": exclude,
        "intersect": intersect,
        "first_seen": first_seen,
        "keep_all": keep_all,
        "replayable_only": replayable_only,
        "provenance": provenance,
        "to_page_size": to_page_size,
    }
    how_merged = parameters.check(how_merged, parameters.MERGE)
    groups = map(files_of, (*cases, *exclude))
    with inputs.named(options.get("memmap"), *groups) as (maps, *names):
        found = [listed(x, files) for x, files in zip((*cases, *exclude), names, strict=True)]
        how = merging.MergeOptions(
            options_of(options, maps),
            first_seen,
            intersect,
            tuple(found[len(cases) :]),
            keep_all,
            replayable_only,
            provenance,
            how_merged["to_page_size"],
        )
        return Merged(merging.merge(found[: len(cases)], how))


def files_of(case: ListNamed) -> Files | None:
    """Return the files of a list, None for one that was read already."""
    return None if isinstance(case, PageList) else case


def listed(case: ListNamed, files: tuple[str, ...]) -> CaseList | tuple[str, ...]:
    """Return a list as the commands take it; ``files`` are the names of its files."""
    return case._case if isinstance(case, PageList) else files


def options_of(
    options: Mapping[str, Any],
    maps: tuple[str, ...],
    more: frozenset[str] = frozenset(),
    held: tuple[CaseNamed, ...] = (),
) -> ValidateOptions:
    """Return the options as the commands take them.

    ``more`` are given besides; ``held`` are the lists that an EFI table is held against.
    """
    how, asked, role = inputs.choosing(options)
    boot = options.get("boot")
    return ValidateOptions(
        how,
        asked,
        role,
        maps,
        options.get("map_name"),
        None if boot is None else str(boot),
        options.get("iomem_of", "running"),
        options.get("next_cmdline"),
        options.get("consumer_kho", DEFAULT.number),
        options.get("consumer_efi", generations.DEFAULT),
        Limits(*map(options.get, ("max_pages", "max_fraction", "max_per_gib", "max_scratch"))),
        inputs.given(options) | more,
        held,
    )


def _accepting(options: Mapping[str, Any], baseline: tuple[str, ...]) -> accept.Acceptance:
    return accept.acceptance(
        options.get("select", ()),
        options.get("ignore", ()),
        next(iter(baseline), None),
        options.get("fail_on", "error"),
    )
