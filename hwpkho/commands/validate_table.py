"""validate: an EFI table of poisoned memory, alone or beside a handover."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import SEVERITIES, efi
from hwpkho.codes.pfnlist import NO_MEMMAP
from hwpkho.efi import compare
from hwpkho.errors import InputError
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.lists import read_list
from hwpkho.inputs.tables import SeveralTablesError, which_table
from hwpkho.judging import limits, machine
from hwpkho.judging.efi_table import judge, pages
from hwpkho.judging.result import Basis, Validation, finding, of_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.efi.model import PoisonTable
    from hwpkho.images.base import Source
    from hwpkho.inputs.case import Case
    from hwpkho.inputs.lists import CaseNamed
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import EfiJudged, Finding
    from hwpkho.memmap.view.regions import Regions


def beside(
    case: Case, kernel: NextKernel, options: ValidateOptions
) -> tuple[EfiJudged | None, tuple[Finding, ...]]:
    """Judge the table beside a handover, and return what to know of it.

    The judgement is None where there is no table, or several and nobody chose, which is said.
    """
    if not case.tables or case.source is None:
        return None, ()
    try:
        table = which_table(case.tables)
    except SeveralTablesError as error:
        return None, (finding(efi.SEVERAL, f"no table is judged: {error.said}"),)
    judged = _judged(table, case.source, kernel, options)
    return judged, judged.findings


def _judged(
    table: PoisonTable, source: Source, kernel: NextKernel, options: ValidateOptions
) -> EfiJudged:
    judged = judge.judge_table(table, source, kernel, options.consumer_efi)
    held = tuple(_against(table, spec, kernel, options) for spec in options.against)
    told = [f for x in held if x.held for f in _told(table, x)]
    return judged._replace(findings=(*judged.findings, *told), against=held)


def _against(
    table: PoisonTable, spec: CaseNamed, kernel: NextKernel, options: ValidateOptions
) -> compare.HeldAgainst:
    """Hold the table against a list of bad pages of the same machine.

    Raises InputError where the list cannot be read.
    """
    how = CaseOptions(page_size=options.case.page_size, layout=options.case.layout)
    bad = read_list(spec, how, options.lists).converted(kernel.page_size)
    listed = pfn_set(bad.pfns)
    found = compare.against(table, listed, kernel.page_size) if table.readable else None
    return compare.HeldAgainst(bad.name, listed.pages(), found)


def _told(table: PoisonTable, against: compare.HeldAgainst) -> Iterator[Finding]:
    """Yield what the list and the table contradict."""
    found, name = against.held, against.name
    if found is not None and (n := found.uncovered.pages()):
        first, last = found.uncovered.first[0], found.uncovered.last[-1]
        message = counted(
            n,
            f"of the bad pages in {name} has no bit: it will be handed out again",
            f"of the bad pages in {name} have no bit: they will be handed out again",
        )
        yield finding(efi.DISAGREE, message, pfns=(first, last), severity="error")
    if found is not None and found.unlisted:
        what = "entry holds", "entries hold"
        if table.header is not None:
            what = "set unit holds", "set units hold"
        message = f"{counted(found.unlisted, *what)} no page that {name} calls bad"
        yield finding(efi.UNLISTED, message, phys=found.first)


def instead_of_a_list(
    judged: Validation, efi: EfiJudged, kernel: NextKernel, options: ValidateOptions
) -> Validation:
    """Return the judgement on a handover without a list, with the pages of the table beside it."""
    listed = pages.listed(efi, kernel.page_size)
    limited = limits.check(listed, options.limits, kernel, unread=False)
    findings = [*judged.findings, *(f for f in limited if f not in judged.findings)]
    findings.sort(key=lambda f: SEVERITIES.index(f.severity))
    return replace(
        judged,
        pfns=listed.pages(),
        runs=pages.runs(efi, listed, kernel),
        findings=tuple(findings),
        basis=judged.basis._replace(table=True),
        rests_on=(*judged.rests_on, f"there is no KHO list: pages of the table at 0x{efi.phys:x}"),
    )


def alone(case: Case, options: ValidateOptions, regions: Regions | None) -> Validation:
    """Judge a case that holds nothing but a table.

    Raises InputError where there are several and nobody chose.
    """
    table = which_table(case.tables)
    if case.source is None:
        raise InputError(f"{case.name}: an EFI table of poisoned memory, and no memory around it")
    page_size = options.case.page_size or DEFAULT_PAGE_SIZE
    arch = options.case.arch or case.source.arch
    kernel = machine.next_kernel(options, page_size, regions, arch)
    judged = _judged(table, case.source, kernel, options)
    listed = pages.listed(judged, page_size)
    runs = pages.runs(judged, listed, kernel)
    findings = [*judged.findings, *limits.check(listed, options.limits, kernel, unread=False)]
    findings += [of_problem(p) for p in kernel.problems]
    rests = [f"a next kernel of generation {judged.consumer}, the table at 0x{judged.phys:x}"]
    if options.case.page_size is None:
        rests.append(f"page size {page_size}, assumed: a table does not record it")
    if regions is None:
        findings.append(finding(NO_MEMMAP, "no memory map: the table alone was judged"))
    else:
        taken = ", assumed: the inputs do not record it" if regions.arch_from == "default" else ""
        rests.append(f"memory by {', '.join(regions.maps)} ({regions.arch}{taken})")
    findings.sort(key=lambda f: SEVERITIES.index(f.severity))
    frames = kernel.frames
    return Validation(
        case.name,
        page_size,
        regions.arch if regions else arch,
        None,
        listed.pages(),
        runs,
        tuple(findings),
        tuple(rests),
        None if frames is None else tuple(frames.runs()),
        basis=Basis(memmap="used" if regions else "none", kho_off=kernel.kho_off, table=True),
        efi=judged,
    )
