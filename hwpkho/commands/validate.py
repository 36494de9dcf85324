"""validate: what replaying a list would do, judged beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.abi.kho import named, read_by
from hwpkho.base import kept
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.escape import printable
from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import SEVERITIES, Problem, Severity
from hwpkho.codes.pfnlist import NO_MEMMAP
from hwpkho.codes.root import NO_KHO
from hwpkho.commands import usage
from hwpkho.errors import InputError
from hwpkho.handover.stated import NoHandoverError
from hwpkho.inputs import folder
from hwpkho.inputs.case import Case, read_inputs
from hwpkho.inputs.role import doubts, which_handover, which_of_several
from hwpkho.judging import limits, machine, replayed, scratch_cost, verdicts, wrong_map
from hwpkho.judging.accept import Acceptance, apply, with_stale
from hwpkho.judging.decision import Decision
from hwpkho.judging.options import NoKho, ValidateOptions
from hwpkho.judging.result import Basis, Finding, Validation, finding, of_problem
from hwpkho.judging.rulings import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hwpkho.handover.model import Handover
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.machine import Machine
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.memmap.view.regions import Regions


def validate(specs: Sequence[str], options: ValidateOptions | None = None) -> Validation:
    """Judge the case in ``specs``.

    Raises InputError where an input cannot be read or judged, UsageError for an unknown map or
    boot, and for an option that nothing reads.
    """
    options = options or ValidateOptions()
    usage.check_pair(options.case)
    # A folder may hold a map.
    memmap = bool(options.memmaps) or (None if any(map(folder.named, specs)) else False)
    usage.refuse(options.given, usage.Facts(memmap=memmap, cmdline=True))
    how = options.case._replace(reads_as=named(options.consumer))
    try:
        case = read_inputs(specs, how, options.lists)
    except NoHandoverError as error:
        if error.kernel is None or options.role is not None:
            raise
        return _without_kho(specs, error, error.kernel, options)
    except InputError as error:
        from hwpkho.inputs import mistakes

        said = mistakes.swapped(specs, options.memmaps) if options.memmaps else None
        if said is None:
            raise
        raise InputError(said) from error
    return of_case(case, options)


_NO_KHO: dict[NoKho, Severity] = {"ignore": "note", "warn": "warning", "error": "error"}


def _without_kho(
    specs: Sequence[str], error: NoHandoverError, kernel: str, options: ValidateOptions
) -> Validation:
    """Return the judgement of a dump in which a kernel, and no handover, was found."""
    told = replace(
        finding(NO_KHO, f"Linux {kernel} hands nothing over: {error}"),
        severity=_NO_KHO[options.no_kho],
    )
    return Validation(
        ", ".join(map(printable, specs)),
        options.case.page_size,
        options.case.arch,
        "absent",
        0,
        Runs(pfn_set(())),
        (told,),
        decided_by=told,
        basis=Basis(no_kho=True),
    )


def reads_otherwise(case: Case, options: ValidateOptions) -> bool:
    """Tell whether a case was read otherwise than the next kernel reads it: its root FDT names
    several KHO versions.
    """
    version = named(options.consumer)
    trees = [h.root.fdt for h in case.handovers if h.root and h.root.fdt]
    return any(read_by(tree, version) is not tree for tree in trees)


def of_case(
    case: Case,
    options: ValidateOptions,
    memory: Callable[[ValidateOptions, Sequence[Machine]], Regions | None] = machine.memory,
) -> Validation:
    """Judge a case that was read already, by the memory map that ``options`` name.

    Without one, by those that lie in the folder of the case. ``memory`` reads the map: who judges
    many cases by one reads it once. Raises as :func:`validate` does.
    """
    said = case.said
    if case.memmaps and not options.memmaps:
        options = options._replace(memmaps=case.memmaps)
        said += (f"memory map of the case: {machine.files(options)}",)
    facts = usage.of_case(case)._replace(cmdline=True)
    usage.refuse(options.given, facts)
    machines = machine.of_case(case, options.case.page_size)
    regions = memory(options, machines)
    usage.refuse(options.given, usage.with_map(facts, regions))
    judged = judge_case(case, options, regions)
    said += tuple(note for note in kept.notes() if note not in said)  # a map's archive, say
    return replace(judged, rests_on=(*judged.rests_on, *said)) if said else judged


def judge_case(case: Case, options: ValidateOptions, regions: Regions | None) -> Validation:
    """Judge a case by a view of memory, None where there is no map."""
    if case.pages is not None:
        from hwpkho.badpages.said import notes  # a handover has no such notes

        size = case.pages.agreed_page_size(options.case.page_size)
        assumed = size is None
        kernel = machine.next_kernel(options, size or DEFAULT_PAGE_SIZE, regions, case.pages.arch)
        findings = [of_problem(Problem(p.code, p.severity, p.placed)) for p in case.pages.problems]
        rests = notes([case.pages])
        if assumed:
            rests.append(f"page size {DEFAULT_PAGE_SIZE}, assumed: the list does not record it")
        alone = Decision(None)
        return _finish(
            case, options, kernel, None, alone, case.pages.pfns, findings, rests, Basis()
        )
    if not case.handovers and case.tables:
        from hwpkho.commands import validate_table  # few cases have an EFI table

        return validate_table.alone(case, options, regions)
    from hwpkho.judging.outcome import as_findings, judge_handover  # not for a list

    handover = which_handover(case.handovers, options.role)
    page_size = handover.page_size or options.case.page_size or DEFAULT_PAGE_SIZE
    kernel = machine.next_kernel(options, page_size, regions, handover.arch)
    wrong = wrong_map.misfit(handover, kernel, case.source)
    if wrong:
        kernel = machine.next_kernel(options, page_size, None, handover.arch)
    decision = judge_handover(handover, kernel)
    doubted = wrong_map.decides_alone(handover, kernel, case.source, decision)
    findings = as_findings(handover.problems, decision.outcome, handover)
    if decision.reason is not None and not decision.among(handover.problems):
        findings.append(decision.reason)
    doubtful = doubts(case.handovers)
    others = [p for p in doubtful if p not in handover.problems]
    findings += as_findings(others, decision.outcome, handover)
    listed = handover.hwpoison.pfns if handover.hwpoison else None
    rests = []
    if wrong:
        findings.insert(0, wrong_map.misfit_finding(wrong, machine.files(options)))
        rests.append(f"no memory map: {machine.files(options)} was set aside")
    if doubted:
        findings.insert(0, wrong_map.map_decides(doubted, machine.files(options)))
    if handover.page_size is None:
        rests.append(f"page size {kernel.page_size}, assumed: the input does not record it")
    efi = None
    if case.tables:
        from hwpkho.commands import validate_table

        efi, said = validate_table.beside(case, kernel, options)
        findings += said
    pfns = Listing(listed or ())
    basis = Basis(handover=True, memmap="set-aside" if wrong else "none", map_decides=bool(doubted))
    judged = _finish(case, options, kernel, handover, decision, pfns, findings, rests, basis)
    judged = replace(
        judged, efi=efi, in_doubt=frozenset().union(*(h.in_doubt for h in case.handovers))
    )
    if efi is not None and handover.hwpoison is None and not handover.unread:
        from hwpkho.commands import validate_table

        judged = validate_table.instead_of_a_list(judged, efi, kernel, options)
    if wrong and judged.outcome == "replay":
        # Whether it does depends on memory that is not known.
        judged = replace(judged, outcome=None)
    which = which_of_several(case.handovers, handover)
    if which is None:
        return judged
    return replace(judged, which_handover=which, rests_on=(which, *judged.rests_on))


def _finish(
    case: Case,
    options: ValidateOptions,
    kernel: NextKernel,
    handover: Handover | None,
    decision: Decision,
    pfns: Listing,
    findings: list[Finding],
    rests: list[str],
    basis: Basis,
) -> Validation:
    poisoned = handover.hwpoison if handover else None
    unread = poisoned is not None and poisoned.pfns is None
    listed = pfn_set(pfns)
    runs = verdicts.judge_pfns(listed, kernel, handover)
    distinct = sum(extent.pfns for extent in runs.extents)
    findings += verdicts.findings(runs, kernel.page_size)
    if handover is not None and decision.outcome == "replay":
        published = replayed.publishes(handover, runs)
        if published is not None:
            decision = published
            findings += [published.finding] if published.finding else []
            if decision.outcome == "crash" and pfns and wrong_map.captured(case.source):
                why = "all PFNs of the list lie outside its memory"
                findings.insert(0, wrong_map.map_decides(why, machine.files(options)))
                basis = basis._replace(map_decides=True)
    outcome = decision.outcome
    low = replayed.unsure(runs, kernel, handover) if outcome in ("replay", None) else None
    if low is not None:
        findings.append(replayed.as_finding(low))
    findings += verdicts.duplicates(len(pfns), distinct)
    findings += limits.check(listed, options.limits, kernel, unread=unread)
    cost = scratch_cost.of(handover, listed, kernel) if handover else None
    if handover is not None:
        findings += scratch_cost.check(handover, cost, options.limits.scratch, kernel)
    regions = kernel.memory
    if regions is not None:
        findings += wrong_map.list_beyond(runs, kernel)
        if case.pages is not None and case.pages.unit == "pfn":
            like = list(wrong_map.like_addresses(runs, kernel))
            findings += like or wrong_map.all_aligned(listed, kernel.page_size)
    elif not options.memmaps:
        if case.pages is not None and case.pages.unit == "pfn":
            findings += wrong_map.all_aligned(listed, kernel.page_size)
        findings.append(finding(NO_MEMMAP, "no memory map: the structure alone was judged"))
    findings += [of_problem(p) for p in kernel.problems]
    memmap = basis.memmap if regions is None else "used"
    basis = basis._replace(kho_off=kernel.kho_off, memmap=memmap)
    if regions is not None:
        taken = ", assumed: the inputs do not record it" if regions.arch_from == "default" else ""
        rests.append(f"memory by {', '.join(regions.maps)} ({regions.arch}{taken})")
    if handover is not None:
        rests.append(f"the next kernel speaks {kernel.version.compatible}")
    arch = regions.arch if regions else (handover.arch if handover else options.case.arch)
    findings.sort(key=lambda f: SEVERITIES.index(f.severity))
    frames = kernel.frames
    return Validation(
        case.name,
        kernel.page_size,
        arch,
        outcome,
        distinct,
        runs,
        tuple(findings),
        tuple(rests),
        None if frames is None else tuple(frames.runs()),
        unsure=None if frames is None else low.pfns if low else 0,
        decided_by=None if outcome in ("replay", None) else decision.reason,
        how=decision.how,
        basis=basis,
        scratch=cost,
        handover=handover,
    )


def run(
    specs: Sequence[str],
    options: ValidateOptions | None = None,
    accepted: Acceptance | None = None,
) -> CaseResult:
    """Judge a single case and say which of its findings count.

    Raises as :func:`validate` does.
    """
    options = options or ValidateOptions()
    accepted = accepted or Acceptance()
    judged = validate(specs, options)
    result = apply(judged, accepted, judged.name, tuple(specs), options.memmaps)
    return with_stale(result, accepted)
