"""check: what becomes of the bad pages of a machine at the next kexec."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import registry as lists
from hwpkho.badpages.model import BadPages
from hwpkho.base import arch as arches
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import PFN_MAX, PfnSet, pfn_set
from hwpkho.codes import SEVERITIES, live
from hwpkho.commands import check_handover, check_saved, usage, validate
from hwpkho.commands.check_look import gather
from hwpkho.commands.check_result import AFTER_KEXEC, BAD_OUTCOMES, AfterKexec, Checked, Judged
from hwpkho.errors import InputError
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.role import which_handover
from hwpkho.judging import machine, verdicts
from hwpkho.judging.efi_table import pages as table_pages
from hwpkho.judging.efi_table.generations import NONE
from hwpkho.judging.options import ValidateOptions
from hwpkho.live.tree import Tree

if TYPE_CHECKING:
    from hwpkho.commands.check_facts import Facts
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import EfiJudged, Validation
    from hwpkho.judging.rulings import Verdict
    from hwpkho.memmap.view.regions import Regions

#: What becomes of a page of a list that the next kernel takes, by its verdict.
AFTER_VERDICT: dict[Verdict, AfterKexec] = {
    "replays": "replay", "scratch": "replay", "retired": "replay", "reserved": "replay",
    "in-use": "stay", "handover": "stay", "firmware": "stay", "device": "stay",
    "preserved": "guests", "not-ram": "forgotten",
}  # fmt: skip


class CheckOptions(NamedTuple):
    """What a check is told.

    Attributes:
        root: A copied tree of /proc and /sys; None: the running kernel.
        page_size: Bytes, if the tree does not record it.
        arch: If the tree does not record it.
        consumer: The KHO version that the next kernel speaks.
        consumer_efi: Its generation of readers of the EFI table of poisoned memory.
        next_cmdline: Its command line.
        since: What check saved before the kexec, or any list of bad pages of then.
    """

    root: str | None = None
    page_size: int | None = None
    arch: str | None = None
    consumer: int | str = ValidateOptions().consumer
    consumer_efi: str = ValidateOptions().consumer_efi
    next_cmdline: str | None = None
    since: str | None = None


def check(options: CheckOptions | None = None) -> Checked:
    """Look at a machine, and judge what becomes of its bad pages.

    Raises InputError where there is no such tree, or it contradicts ``options``; UsageError for
    options that make no sense.
    """
    options = options or CheckOptions()
    usage.check_pair(CaseOptions(options.page_size, arch=options.arch))
    tree = Tree(options.root)
    before = check_saved.read_before(options.since, options.page_size) if options.since else None
    facts = gather(tree, options.page_size, options.arch)
    checked = Checked(facts)
    with tree.inside():
        checked.kernel_loaded = tree.kernel_loaded
        judged = checked.judged = _judge_handover(checked, options)
    _which_are_bad(checked)
    _what_becomes(checked, judged)
    _say(checked)
    _memmap(checked)
    if before is not None:
        checked.since = check_saved.compare(checked, before)
    checked.findings.sort(key=lambda f: SEVERITIES.index(f.severity))
    return checked


# --- What is handed over --------------------------------------------------------------------------


def _judge_handover(checked: Checked, options: CheckOptions) -> Judged | None:
    """Judge what the machine hands over; None where that is not known.

    Raises UsageError for a command line that the next kernel would refuse.
    """
    facts, case = checked.facts, checked.facts.case
    judging = ValidateOptions(
        CaseOptions(facts.page_size, arch=facts.arch),
        # Without a map that can be read this says which one it would be.
        memmaps=(facts.map_path or facts.tree.path("proc/iomem"),),
        boot=facts.map_boot,
        consumer=options.consumer,
        consumer_efi=options.consumer_efi,
        next_cmdline=options.next_cmdline,
    )
    regions = facts.regions
    if regions is not None and options.next_cmdline is not None:
        regions = machine.memory(judging, machine.of_case(case) if case else [])
    if facts.kho.absent and not (case and case.tables):
        checked.hands_over, checked.because = False, facts.kho.absent
        return Judged(_kernel(facts, judging, regions, None), None, PfnSet(), PfnSet())
    if case is None:
        return None
    out = [h for h in case.handovers if h.role != "in"]
    if case.handovers and not out:
        facts.miss(f"{case.name}: it has only the incoming handover", check_handover.OPEN)
        return None
    judging = judging._replace(role="out" if out else None)
    try:
        validation = validate.judge_case(case, judging, regions)
    except InputError as error:
        facts.miss(error, check_handover.OPEN)
        return None
    checked.validation = validation
    checked.findings += validation.findings
    if out and validation.outcome is None and not facts.unseen:
        why = "what the next kernel does with it is not known (see the findings)"
        facts.miss(f"{case.name}: it could not be read in full", why)
    handover = which_handover(case.handovers, "out") if out else None
    used = regions if validation.basis.memmap == "used" else None
    kernel = _kernel(facts, judging, used, validation.page_size)
    table = PfnSet()
    if validation.efi is not None and validation.efi.outcome == "accepted":
        table = table_pages.listed(validation.efi, kernel.page_size)
    taken = _taken(checked, validation, handover)
    if facts.page_size is None and (handover is None or handover.page_size is None):
        return None  # a page of the flags may be four of the table's
    return Judged(kernel, handover, taken, table)


def _kernel(
    facts: Facts, judging: ValidateOptions, regions: Regions | None, page_size: int | None
) -> NextKernel:
    size = page_size or facts.page_size or DEFAULT_PAGE_SIZE
    return machine.next_kernel(judging, size, regions, facts.arch)


def _taken(checked: Checked, validation: Validation, handover: Handover | None) -> PfnSet:
    """Return the list that the next kernel takes, and note whether there is one."""
    outcome, efi, decided = validation.outcome, validation.efi, validation.decided_by
    listed = handover.hwpoison if handover else None
    if listed is not None and listed.pfns is not None:
        checked.listed = pfn_set(listed.pfns)
    why = f": {decided.message} ({decided.code})" if decided else ""
    has_list = listed is not None or (handover is not None and outcome != "absent")
    checked.hands_over = efi is not None or has_list
    if outcome in BAD_OUTCOMES:
        checked.because = f"the next kernel's outcome is {outcome}{why}"
    elif efi is not None:
        if efi.outcome != "accepted" and _told(efi):
            checked.because = f"the next kernel and the EFI table: {efi.reason}"
    elif validation.basis.kho_off:
        checked.because = "the next kernel's command line has kho=off"
    elif outcome == "absent" and listed is not None:
        checked.because = f"the next kernel does not take the list{why}"
    elif not checked.hands_over:
        checked.because = "the handover has no list of bad pages"
    taken = outcome == "replay" and checked.listed is not None
    return checked.listed or PfnSet() if taken else PfnSet()


# --- Which pages are bad, and what becomes of them ------------------------------------------------


def _which_are_bad(checked: Checked) -> None:
    """Find the bad pages: by the flags, and by the list where flags do not show the place."""
    facts, listed, corrupted = checked.facts, checked.listed, checked.facts.counted
    flags = facts.flags
    if flags is None:
        log = pfn_set(facts.log.pfns) if facts.log else PfnSet()
        checked.bad = (listed or PfnSet()) | log
        checked.bad_pages = corrupted
        if corrupted is not None and corrupted < log.pages():
            checked.bad_pages = log.pages()
        return
    huge = pfn_set(flags.folios)
    inside = (listed & huge) if listed else PfnSet()
    heads = [a for a, b in flags.folios.runs() if not inside.pages(a, b)]
    checked.in_huge, checked.unplaced = inside, pfn_set(heads)
    unplaced = len(heads)
    # Of pages behind the end of the flags nothing but the list tells anything.
    behind = pfn_set(of_runs(listed.runs(flags.frames, PFN_MAX))) if listed else PfnSet()
    bad = flags.single | inside | behind
    surplus = (listed - bad) if listed else PfnSet()
    if surplus and corrupted is not None and corrupted >= (bad | surplus).pages() + unplaced:
        bad |= surplus  # counted as bad, so they are, whatever hides their flags
    checked.bad = bad
    checked.unflagged = None if listed is None else surplus
    known = bad.pages() + unplaced
    checked.bad_pages = max(known, corrupted or 0)
    if n := len(flags.folios.first):
        where, k = "it" if n == 1 else "them", inside.pages()
        message = (
            f"{counted(n, 'huge page is', 'huge pages are')} flagged; the list names "
            f"{counted(k, 'bad page')} in {where}"
        )
        checked.tell(live.HUGE_FLAG, message, huge)
    if surplus:
        n = surplus.pages()
        pages = counted(n, "of its pages has", "of its pages have")
        message = f"the list disagrees with the page flags: {pages} no flag"
        checked.tell(live.LIST_HAS_MORE, f"{message}: {_span(surplus)}", surplus)
    if corrupted is not None and corrupted != known:
        shown = "the page flags and the list show" if bad - flags.single else "the page flags show"
        message = f"HardwareCorrupted counts {counted(corrupted, 'page')}, {shown} {known}"
        if corrupted > known:
            rest = corrupted - known
            others = "other one is" if rest == 1 else f"other {rest} are"
            message += f": it is not known where the {others}"
        checked.tell(live.COUNT_DIFFERS, message)
    if facts.flags_end is not None:
        end, ram = facts.flags_end
        shown = printable(facts.tree.path("proc/kpageflags"))
        checked.tell(live.FLAGS_SHORT, f"{shown}: ends at 0x{end:x}, RAM at 0x{ram:x}")


def _what_becomes(checked: Checked, judged: Judged | None) -> None:
    """Count the bad pages by what becomes of them."""
    facts, counts = checked.facts, checked.after_kexec
    if checked.bad_pages == 0 and facts.flags is not None:
        counts.update(dict.fromkeys(AFTER_KEXEC, 0))
        return
    if judged is None or not _decided(checked, judged):
        _too_few(checked, judged)
        return
    kept = checked.bad & judged.taken
    checked.runs = verdicts.judge_pfns(kept, judged.kernel, judged.handover)
    numbers = dict.fromkeys(AFTER_KEXEC, 0)
    unknown = 0
    for ruling, extent in zip(checked.runs.rulings, checked.runs.extents, strict=True):
        if ruling.verdict is None:
            unknown += extent.pfns
        else:
            numbers[AFTER_VERDICT[ruling.verdict]] += extent.pfns
    lost = checked.bad - judged.taken
    spared = _kept_out(lost, judged.kernel) | (lost & judged.table)
    numbers["replay"] += spared.pages()
    checked.lost = lost - spared
    located = kept.pages() + lost.pages()
    # What is counted and has no known place is in no list: the list's pages are all accounted for.
    nowhere = max(0, (checked.bad_pages or 0) - located)
    numbers["forgotten"] += checked.lost.pages() + nowhere
    if unknown and facts.regions is not None:
        facts.miss(
            counted(
                unknown,
                "of the pages that are handed over has no verdict",
                "of the pages that are handed over have no verdict",
            ),
            "the memory map does not show what is there",
        )
    for what in AFTER_KEXEC:
        counts[what] = None if unknown and what != "forgotten" else numbers[what]
    if checked.bad_pages is None or (facts.flags is None and not numbers["forgotten"]):
        counts["forgotten"] = None  # the list may lack pages that nobody could see


def _kept_out(pages: PfnSet, kernel: NextKernel) -> PfnSet:
    """Return the pages that the next kernel's command line keeps out of its memory."""
    memory = kernel.memory
    if memory is None or memory.before is None or not pages:
        return PfnSet()
    frames = memory.frames(kernel.page_size)
    owned = pfn_set(of_runs((a, b) for a, b, kind, _ in frames.runs() if kind in ("ram", "in-use")))
    return pages - owned


def _too_few(checked: Checked, judged: Judged | None) -> None:
    """Say that a list which cannot be read has fewer entries than pages are bad."""
    listed = judged.handover.hwpoison if judged and judged.handover else None
    count = listed.blob.count if listed and listed.blob else None
    bad = checked.bad_pages
    if count is None or bad is None or count >= bad:
        return
    checked.because = f"the list that is handed over has {counted(count, 'entry')}"
    checked.tell(
        live.LIST_LACKS, f"{checked.because}, and {counted(bad, 'page is', 'pages are')} bad"
    )
    checked.after_kexec["forgotten"] = bad - count


def _decided(checked: Checked, judged: Judged) -> bool:
    """Tell whether it is known what the next kernel takes."""
    if checked.hands_over is False:
        return True
    if checked.outcome in ("replay", "absent", *BAD_OUTCOMES):
        return checked.outcome != "replay" or checked.listed is not None
    efi = checked.validation.efi if checked.validation else None
    return judged.handover is None and efi is not None and _told(efi)


def _told(efi: EfiJudged) -> bool:
    """Tell whether it is known what the next kernel does with a table; one that knows none does
    nothing.
    """
    return efi.outcome is not None or efi.consumer == NONE


def _span(pages: PfnSet) -> str:
    first, last = pages.first[0], pages.last[-1]
    return f"0x{first:x}" if first == last else f"0x{first:x} to 0x{last:x}"


# --- What is said of it ---------------------------------------------------------------------------


def _say(checked: Checked) -> None:
    """Add the findings that no judgement of a handover has."""
    bad, lost = checked.bad_pages, checked.lost
    if checked.hands_over is False:
        pages = counted(bad, "bad page") if bad is not None else "bad pages"
        message = f"this kernel hands over no list of bad pages: {checked.because}"
        if bad == 0:
            checked.tell(live.NO_HANDOVER, message, severity="note")
        else:
            message += f"; {pages} will be handed out again"
            checked.tell(live.NO_HANDOVER, message, lost, None if bad else "warning")
    elif lost and checked.outcome == "replay":
        n = lost.pages()
        pages = counted(n, "bad page is", "bad pages are")
        message = f"{pages} not in the list that is handed over: {_span(lost)}"
        checked.tell(live.LIST_LACKS, message, lost)
        checked.because = _why_forgotten(checked, "the list that is handed over lacks them")
    elif lost and checked.because is None:
        n = lost.pages()
        pages = counted(n, "bad page is", "bad pages are")
        message = f"{pages} under no unit of the EFI table: {_span(lost)}"
        checked.tell(live.LIST_LACKS, message, lost)
        lacks = "the EFI table that is handed over does not cover them"
        checked.because = _why_forgotten(checked, lacks)
    elif checked.after_kexec["forgotten"] and checked.because is None:
        nowhere = (bad or 0) > checked.bad.pages()
        lacks = "they are counted, but in no list" if nowhere else ""
        checked.because = _why_forgotten(checked, lacks)
    if checked.kernel_loaded is False:
        checked.tell(live.NOT_LOADED, "no kernel is loaded for kexec")


def _why_forgotten(checked: Checked, lacks: str) -> str:
    """Return why pages are forgotten; ``lacks`` is why those are that the kernel is not told of."""
    not_ram = any(ruling.verdict == "not-ram" for ruling in checked.runs.rulings)
    no_ram = "the memory map has no RAM there" if not_ram else ""
    return " or ".join(filter(None, (lacks, no_ram)))


def _memmap(checked: Checked) -> None:
    """Format the parameter that keeps the forgotten pages out of use, for x86."""
    facts, pages = checked.facts, checked.lost
    if checked.hands_over is None and facts.flags is not None:
        pages = checked.bad  # unless there is a handover that nobody could see
    if facts.flags is not None and (checked.hands_over is False or pages):
        listed = checked.listed or PfnSet()
        whole = [(a, b) for a, b in facts.flags.folios.runs() if not listed.pages(a, b)]
        pages = pages | pfn_set(of_runs(whole))
    arch = arches.known(facts.arch)
    if not pages or arch is None or arch.memory != "e820" or facts.page_size is None:
        return
    out = io.BytesIO()
    form = lists.writer("memmap")
    lost = form.write(
        BadPages("check", pages.listing(), facts.page_size, arch.name), out, lists.AS_IT_IS
    )
    checked.memmap = out.getvalue().decode().strip()
    if lost is not None:
        checked.memmap_lost = lost.good_pages, lost.bad_pages_left
