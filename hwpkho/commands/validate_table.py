"""validate: an EFI table of poisoned memory, alone or beside a handover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.model import DEFAULT_PAGE_SIZE
from hwpkho.base.options import option
from hwpkho.codes import SEVERITIES
from hwpkho.codes.pfnlist import NO_MEMMAP
from hwpkho.errors import InputError
from hwpkho.inputs.tables import which_table
from hwpkho.judging import limits, machine
from hwpkho.judging.efi_table import judge, pages
from hwpkho.judging.result import Basis, Validation, finding, of_problem

if TYPE_CHECKING:
    from hwpkho.inputs.case import Case
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import EfiJudged
    from hwpkho.memmap.view.regions import Regions


def beside(case: Case, kernel: NextKernel, options: ValidateOptions) -> EfiJudged | None:
    """Judge the table of a case, None where there is none, or several and nobody chose."""
    try:
        table = which_table(case.tables)
    except InputError:
        return None
    if table is None or case.source is None:
        return None
    return judge.judge(table, case.source, kernel, options.consumer_efi)


def alone(case: Case, options: ValidateOptions, regions: Regions | None) -> Validation:
    """Judge a case that holds nothing but a table.

    Raises InputError where there are several and nobody chose.
    """
    which_table(case.tables)
    page_size = options.case.page_size or DEFAULT_PAGE_SIZE
    arch = options.case.arch or (case.source.arch if case.source else None)
    kernel = machine.next_kernel(options, page_size, regions, arch)
    efi = beside(case, kernel, options)
    if efi is None:
        raise InputError(f"{case.name}: an EFI table of poisoned memory, and no memory around it")
    listed = pages.listed(efi, page_size)
    runs = pages.runs(efi, listed, kernel)
    findings = [*efi.findings, *limits.check(listed, options.limits, kernel, unread=False)]
    findings += [of_problem(p) for p in kernel.problems]
    rests = [f"a next kernel of generation {efi.consumer}, the table at 0x{efi.phys:x}"]
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
        None
        if frames is None
        else tuple(zip(frames.first, frames.last, frames.kind, frames.label, strict=True)),
        basis=Basis(memmap="used" if regions else "none", kho_off=kernel.kho_off),
        efi=efi,
    )
