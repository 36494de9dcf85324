"""validate: an EFI table of poisoned memory, alone or beside a handover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.model import DEFAULT_PAGE_SIZE
from hwpkho.base.options import option
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import SEVERITIES, efi
from hwpkho.codes.pfnlist import NO_MEMMAP
from hwpkho.efi import compare
from hwpkho.errors import InputError
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.lists import read_list
from hwpkho.inputs.tables import which_table
from hwpkho.judging import limits, machine
from hwpkho.judging.efi_table import judge, pages
from hwpkho.judging.result import Basis, Validation, finding, of_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.efi.model import PoisonTable
    from hwpkho.inputs.case import Case
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import EfiJudged, Finding
    from hwpkho.memmap.view.regions import Regions


def beside(case: Case, kernel: NextKernel, options: ValidateOptions) -> EfiJudged | None:
    """Judge the table of a case, None where there is none, or several and nobody chose."""
    try:
        table = which_table(case.tables)
    except InputError:
        return None
    if table is None or case.source is None:
        return None
    judged = judge.judge(table, case.source, kernel, options.consumer_efi)
    told = [f for spec in options.against for f in _against(table, spec, kernel, options)]
    return judged._replace(findings=(*judged.findings, *told))


def _against(
    table: PoisonTable, spec: str, kernel: NextKernel, options: ValidateOptions
) -> Iterator[Finding]:
    """Yield what a list of bad pages, of the same machine, and the table contradict.

    Raises InputError where the list cannot be read.
    """
    how = CaseOptions(page_size=options.case.page_size)
    bad = read_list(spec, how, options.lists).converted(kernel.page_size)
    if not table.readable:
        return
    found = compare.against(table, pfn_set(bad.pfns), kernel.page_size)
    n = found.uncovered.pages()
    if n:
        first, last = found.uncovered.first[0], found.uncovered.last[-1]
        message = f"{n} of the bad pages in {bad.name} have no bit: they will be handed out again"
        yield finding(efi.DISAGREE, message, pfns=(first, last), severity="error")
    if found.unlisted:
        what = "entries" if table.header is None else "set units"
        message = f"{found.unlisted} {what} hold no page that {bad.name} calls bad"
        yield finding(efi.UNLISTED, message, phys=found.first)


def alone(case: Case, options: ValidateOptions, regions: Regions | None) -> Validation:
    """Judge a case that holds nothing but a table.

    Raises InputError where there are several and nobody chose.
    """
    which_table(case.tables)
    page_size = options.case.page_size or DEFAULT_PAGE_SIZE
    arch = options.case.arch or (case.source.arch if case.source else None)
    kernel = machine.next_kernel(options, page_size, regions, arch)
    judged = beside(case, kernel, options)
    if judged is None:
        raise InputError(f"{case.name}: an EFI table of poisoned memory, and no memory around it")
    listed = pages.listed(judged, page_size)
    runs = pages.runs(judged, listed, kernel)
    findings = [*judged.findings, *limits.check(listed, options.limits, kernel, unread=False)]
    findings += [of_problem(p) for p in kernel.problems]
    rests = [f"a next kernel of generation {judged.consumer}, the table at 0x{judged.phys:x}"]
    if options.case.page_size is None:
        rests.append(f"page size {page_size}, assumed: a table does not record it")
    if regions is None:
        findings.append(finding(NO_MEMMAP, f"no {option('memmap')}: the table alone was judged"))
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
        basis=Basis(memmap="used" if regions else "none", kho_off=kernel.kho_off),
        efi=judged,
    )
