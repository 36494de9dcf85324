"""check for people: status and summary, what was looked at, what could not be, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import code_of
from hwpkho.report.check import words
from hwpkho.report.parts.layout import fold, span
from hwpkho.report.parts.paint import Paint
from hwpkho.report.parts.screen import Screen
from hwpkho.report.validate.findings import is_routine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.commands.check_result import Checked
    from hwpkho.judging.result import Finding

#: Longer lists of runs and findings are cut; --json has them whole.
MAX_RUNS = 16
MAX_FINDINGS = 40
MAX_NODES = 8
_LABEL = 14
_STYLES = {"ok": "good", "warning": "warning", "critical": "error", "unknown": "warning"}


def report(checked: Checked, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines: status and summary first, then the details unless --quiet."""
    screen = screen or Screen()
    status = screen.paint(_STYLES[checked.status], checked.status)
    yield from fold(f"{status}: {words.summary(checked)}", screen.prose, "", "  ")
    if screen.detail >= 0:
        for line in details(checked, screen.paint, routine=screen.detail > 0):
            yield from fold(line.lstrip(" "), screen.prose, "  ", " " * (_LABEL + 2))


def details(
    checked: Checked, paint: Paint | None = None, *, routine: bool = False
) -> Iterator[str]:
    """Yield all lines but the first; with ``routine`` also notes that nearly every report has."""
    paint = paint or Paint()
    yield from _seen(checked)
    yield from _runs(checked)
    if checked.memmap is not None:
        yield _row("x86: add", checked.memmap)
        good, left = checked.memmap_lost
        if good or left:
            excluded, out = counted(good, "good page"), counted(left, "bad page")
            yield _row("", f"this also excludes {excluded} and leaves out {out}")
    for line in checked.not_seen:
        yield f"  {paint('warning', 'not seen'.ljust(_LABEL))}{line}"
    for note in checked.facts.notes:
        yield _row("note", note)
    yield from _findings(checked, paint, routine=routine)


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}".rstrip()


def _seen(checked: Checked) -> Iterator[str]:
    facts = checked.facts
    size = human_bytes(facts.page_size) if facts.page_size else "unknown"
    machine = f"{facts.arch or 'architecture unknown'}, {size} pages"
    release = f", Linux {facts.tree.release}" if facts.tree.release else ""
    yield _row("machine", f"{machine}{release}")
    if facts.flags is not None:
        folios = len(facts.flags.folios.first)
        huge = f", {counted(folios, 'huge page')} of hugetlb with a bad page" if folios else ""
        yield _row("page flags", f"{words.pages(facts.flags.single.pages())}{huge}")
    if facts.corrupted is not None:
        yield _row("counted", f"HardwareCorrupted {facts.corrupted >> 10} kB")
    failures = [n for n in facts.nodes if n.counts.get("total")]
    for node in failures[:MAX_NODES]:
        counts = ", ".join(f"{k} {n}" for n, k in node.counts.items() if k)
        yield _row(f"node {node.node}", f"memory failures since boot: {counts}")
    if len(failures) > MAX_NODES:
        yield _row("", f"and {counted(len(failures) - MAX_NODES, 'more node')}")
    yield _row("handover", _handover(checked))
    v = checked.validation
    if v is not None and v.efi is not None:
        efi = v.efi
        says = f"{efi.outcome or 'not known'}: {efi.reason}"
        yield _row("EFI table", f"0x{efi.phys:x}, read by {efi.consumer}: {says}")
    if v is not None and v.scratch is not None:
        areas = counted(len(v.scratch.areas), "area")
        of_ram = f", {v.scratch.of_ram:.1%} of RAM" if v.scratch.of_ram is not None else ""
        bad = f", {words.pages(v.scratch.bad.pages())} in it"
        yield _row("scratch", f"{human_bytes(v.scratch.size)} in {areas}{of_ram}{bad}")
    if facts.map_path is not None:
        yield _row("memory map", printable(facts.map_path))
    loaded = {True: "loaded", False: "none is loaded", None: "not known whether one is loaded"}
    yield _row("next kernel", loaded[checked.kernel_loaded])
    if checked.since is not None:
        before = checked.since.before
        when = f", {before.when}" if before.when else ""
        yield _row("before", f"{before.name}{when}: {words.pages(checked.since.pages.pages())}")


def _handover(checked: Checked) -> str:
    if checked.hands_over is None:
        return "not known"
    if not checked.hands_over:
        return f"none: {checked.because}"
    listed = "" if checked.listed is None else f", {counted(checked.listed.pages(), 'page')} listed"
    case, tree = checked.facts.case, checked.facts.tree
    name = case.name if case else "EFI table"
    if tree.copied:
        name = name.replace(f"{printable(str(tree.root))}/", "")
    outcome = f"outcome {checked.outcome}" if checked.outcome else "outcome not known"
    return f"{name}{listed}: {outcome}"


def _runs(checked: Checked) -> Iterator[str]:
    """Yield the runs of pages that the next kernel will not keep out of use, and forgotten ones."""
    shown = 0
    for first, last, ruling in checked.runs:
        if ruling.verdict in ("replays", "reserved", "retired"):
            continue
        shown += 1
        if shown > MAX_RUNS:
            yield _row("", "and more runs; --json has them all")
            break
        where = f" [{ruling.region}]" if ruling.region else ""
        yield _row(span(first, last), f"{ruling.verdict or 'unknown'}{where}")
    yield from _listed("forgotten", checked.lost)


def _listed(what: str, pages: PfnSet) -> Iterator[str]:
    for n, (first, last) in enumerate(pages):
        if n == MAX_RUNS:
            yield _row("", "and more runs; --json has them all")
            break
        yield _row(span(first, last), what)


def _findings(checked: Checked, paint: Paint, *, routine: bool) -> Iterator[str]:
    findings = [f for f in checked.findings if routine or not is_routine(f)]
    shown = findings[:MAX_FINDINGS]
    for f in shown:
        yield _finding(f, code_of(f.code).name, paint)
    if len(findings) > len(shown):
        yield f"  and {counted(len(findings) - len(shown), 'more finding')}; --json has them all"
    hidden = len(checked.findings) - len(findings)
    if hidden:
        yield f"  {counted(hidden, 'routine note')} (-v shows them)"


def _finding(f: Finding, name: str, paint: Paint) -> str:
    return f"  {paint(f.severity, f'{f.severity} {f.code} {name}')}: {f.message}"
