"""validate: what replaying a list would do, judged beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from hwpkho.cases import Case, CaseOptions, doubts, pick, read_case
from hwpkho.codecs.pfnlist import DEFAULT_PAGE_SIZE
from hwpkho.codes import SEVERITIES, registry
from hwpkho.codes import pfnlist as list_codes
from hwpkho.commands.acceptance import Acceptance, apply, with_stale
from hwpkho.listing import Listing
from hwpkho.lists import told_page_size
from hwpkho.model.validation import Finding, Validation, finding
from hwpkho.pfnset import pfn_set
from hwpkho.rules import outcome as outcomes
from hwpkho.rules import policy, verdicts
from hwpkho.rules.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.maps.regions import Regions
    from hwpkho.model.caseresult import CaseResult
    from hwpkho.model.handover import Handover, Role
    from hwpkho.model.validation import Outcome


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What a validation rests on beside the inputs.

    Attributes:
        case: How the inputs are read.
        base: Of a text list's numbers without ``0x``.
        role: Which handover, where there are two.
        memmaps: Files with the machine's memory map, in any form.
        map_name: Judge by this map alone.
        boot: Which boot of a log; a number or ``last``.
        iomem_of: Whose /proc/iomem was given.
        next_cmdline: The next kernel's command line.
        consumer: KHO version that the next kernel speaks.
        limits: The user's limits.
    """

    case: CaseOptions = field(default_factory=CaseOptions)
    base: int = 10
    role: Role | None = None
    memmaps: tuple[str, ...] = ()
    map_name: str | None = None
    boot: str | None = None
    iomem_of: Literal["running", "next"] = "running"
    next_cmdline: str | None = None
    consumer: int = 4
    limits: policy.Limits = field(default_factory=policy.Limits)


def validate(specs: Sequence[str], options: ValidateOptions | None = None) -> Validation:
    """Judge the case in ``specs``.

    Raises InputError where an input cannot be read or judged, UsageError for an unknown map or
    boot.
    """
    options = options or ValidateOptions()
    case = read_case(specs, options.case, options.base)
    return judge(case, options, regions_of(case, options))


def regions_of(case: Case, options: ValidateOptions) -> Regions | None:
    """Read and resolve the memory maps for a case, None where none was given."""
    return regions_for(options, next((h.arch for h in case.handovers if h.arch), None))


def regions_for(options: ValidateOptions, arch: str | None) -> Regions | None:
    """Read and resolve the memory maps, None where none was given.

    ``arch`` is what the input tells; the option of that name counts before it.
    """
    if not options.memmaps:
        return None
    from hwpkho.maps import read_memmap  # a map costs a third of the start-up: only on demand
    from hwpkho.maps.regions import resolve

    memmap = read_memmap(options.memmaps, boot=options.boot, arch=options.case.arch or arch)
    boot = memmap.maps[0].boot if memmap.maps else None
    regions = resolve(
        memmap,
        map_name=options.map_name,
        boot=boot,
        iomem_of=options.iomem_of,
        next_cmdline=options.next_cmdline,
    )
    # A cut or doubtful map makes the verdicts doubtful.
    return replace(regions, problems=(*memmap.problems, *regions.problems))


def judge(case: Case, options: ValidateOptions, regions: Regions | None) -> Validation:
    """Judge a case that was read already."""
    if case.pfns is not None:
        size = told_page_size(case.pfns, options.case.page_size)
        assumed = size is None
        ground = Ground(size or DEFAULT_PAGE_SIZE, options.consumer, regions)
        findings: list[Finding] = []
        rests = (
            [f"page size {DEFAULT_PAGE_SIZE}, taken because a bare list does not tell"]
            if assumed
            else []
        )
        return _finish(case, options, ground, None, None, case.pfns.pfns, findings, rests)
    handover = pick(case.handovers, options.role)
    ground = Ground(
        handover.page_size or options.case.page_size or DEFAULT_PAGE_SIZE, options.consumer, regions
    )
    decision = outcomes.judge(handover, ground)
    findings = outcomes.as_findings(handover.problems, decision.outcome)
    if decision.finding is not None:
        findings.append(decision.finding)
    others = [p for p in doubts(case.handovers) if p not in handover.problems]
    findings += outcomes.as_findings(others, decision.outcome)
    listed = handover.hwpoison.pfns if handover.hwpoison else None
    rests = []
    if handover.page_size is None:
        rests.append(f"page size {ground.page_size}, taken because the input does not tell")
    pfns = Listing(listed or ())
    judged = _finish(case, options, ground, handover, decision.outcome, pfns, findings, rests)
    if len(case.handovers) == 1:
        return judged
    chosen = f"of {len(case.handovers)} handovers this is {handover}"
    return replace(judged, chosen=chosen, rests_on=(chosen, *judged.rests_on))


def _finish(
    case: Case,
    options: ValidateOptions,
    ground: Ground,
    handover: Handover | None,
    outcome: Outcome | None,
    pfns: Listing,
    findings: list[Finding],
    rests: list[str],
) -> Validation:
    listed = pfn_set(pfns)
    runs = verdicts.judge(listed, ground, handover)
    distinct = sum(extent.pfns for extent in runs.extents)
    findings += verdicts.findings(runs, registry(), ground.page_size)
    findings += verdicts.nothing_recorded(runs, outcome)
    findings += verdicts.duplicates(len(pfns), distinct)
    findings += policy.judge(listed, options.limits, ground)
    regions = ground.regions
    if regions is None:
        findings.append(
            finding(list_codes.NO_MEMMAP, "no --memmap: the structure alone was judged")
        )
    else:
        findings += [
            Finding(p.code, p.severity, registry()[p.code].certainty, p.message, phys=p.phys)
            for p in regions.problems
        ]
        taken = ", taken because nothing tells" if regions.arch_from == "default" else ""
        rests.append(f"memory by {', '.join(regions.maps)} ({regions.arch}{taken})")
    if handover is not None:
        rests.append(f"the next kernel speaks kho-v{ground.consumer}")
    arch = regions.arch if regions else (handover.arch if handover else options.case.arch)
    findings.sort(key=lambda f: SEVERITIES.index(f.severity))
    frames = ground.frames
    return Validation(
        case.name,
        ground.page_size,
        arch,
        outcome,
        distinct,
        runs,
        tuple(findings),
        tuple(rests),
        None
        if frames is None
        else tuple(zip(frames.first, frames.last, frames.kind, frames.label, strict=True)),
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
