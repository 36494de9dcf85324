"""The HTML page on a case: headline, what to do, findings, pictures, every bad page, basis."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import PfnSet
from hwpkho.codes import SEVERITIES
from hwpkho.judging.result import Finding
from hwpkho.report.html import blocks, figures
from hwpkho.report.html.facts import (
    Cell,
    Column,
    Details,
    Fields,
    Listing,
    Page,
    Section,
    Table,
    Text,
)
from hwpkho.report.parts.layout import span
from hwpkho.report.validate import memory, structure, words
from hwpkho.report.validate.findings import is_routine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Validation
    from hwpkho.judging.rulings import Ruling
    from hwpkho.report.html.facts import Part, Style
    from hwpkho.report.registry import Call

#: Findings shown unless all are wanted.
MAX_FINDINGS = 200
#: Runs in the table, lost pages first, and runs in the lists below it unless all are wanted. A
#: browser needs seconds for a table of ten times as many; a plain list of 200 000 shows at once.
MAX_RUNS = 2000
MAX_LISTED = 200_000
#: Runs in one piece of a list.
_PIECE = 512
#: Items under "What to do" at most.
_MAX_TODO = 8


def page(result: CaseResult, v: Validation, call: Call) -> Page:
    """Return the page on a case that was judged as ``v``."""
    style, sentence = words.case_headline(result, v)
    made_of = structure.of(v)
    sections = [
        Section("findings", "Findings", list(_findings(result, v, call))),
        *_section("pages", "What becomes of the pages", _verdicts(v)),
        *_section("memory", "Memory to scale", figures.memory(memory.of(v), "bands")),
        *_section(
            "structure",
            "The handover" if v.handover else "The EFI table",
            [figures.structure(made_of, "boxes")] if made_of else [],
        ),
        *_section("runs", "Every bad page", _runs(v, call)),
        *_section("preserved", "What is preserved, and whose it is", _preserved(v)),
        Section("basis", "What this rests on", [_basis(v)]),
    ]
    return Page("validate", result.case, style, sentence, _todo(result, v), sections, call)


def _section(name: str, title: str, parts: Sequence[Part]) -> list[Section]:
    return [Section(name, title, parts)] if parts else []


def _todo(result: CaseResult, v: Validation) -> list[str]:
    pairs = [(f.code, f.severity) for f in v.findings if f.severity != "note"]
    found = blocks.todo_of(pairs)[:_MAX_TODO]
    if not found and any(s.finding.severity != "note" for s in result.suppressed):
        return ["None of it counts: each finding is accepted or not asked for; they are below"]
    if not found and not result.exit:
        return ["Nothing needs to be done"]
    return found


def _findings(result: CaseResult, v: Validation, call: Call) -> Iterator[Part]:
    shown, routine = list[Finding](), list[Finding]()
    for f in v.findings:
        (routine if is_routine(f) and not result.fails(f) else shown).append(f)
    counts = [counted(n, s) for s in SEVERITIES if (n := sum(f.severity == s for f in shown))]
    yield Text(f"{', '.join(counts)}." if counts else "None.", "" if counts else "good")
    most = len(shown) if call.everything else MAX_FINDINGS
    before = set[str]()
    for f in shown[:most]:
        yield _finding(f, result, again=f.code in before)
        before.add(f.code)
    if len(shown) > most:
        yield Text(
            f"{counted(len(shown) - most, 'more finding is', 'more findings are')} not shown; "
            "--all shows all.",
            "warning",
        )
    if routine:
        title = f"{counted(len(routine), 'note')} of nearly every report"
        yield Details("routine", title, [_finding(f, result) for f in routine])
    if result.suppressed:
        yield _suppressed(result)


def _finding(f: Finding, result: CaseResult, *, again: bool = False) -> Part:
    where = []
    if f.first is not None and f.last is not None:
        where.append(("PFNs", span(f.first, f.last)))
    if f.phys is not None:
        where.append(("Address", f"0x{f.phys:x}"))
    return blocks.message(
        f.code, f.severity, f.message, f.certainty, where, again=again, counts=result.fails(f)
    )


def _suppressed(result: CaseResult) -> Table:
    rows = [
        (
            s.finding.code,
            Cell(s.finding.severity, s.finding.severity),
            s.finding.message,
            s.by,
            s.reason or "",
        )
        for s in result.suppressed[:MAX_FINDINGS]
    ]
    heads = ("Code", "Severity", "Finding", "Not counted by", "Reason")
    rest = len(result.suppressed) - len(rows)
    cut = f"{counted(rest, 'more is', 'more are')} not shown; --json has all" if rest else ""
    caption = f"{counted(len(result.suppressed), 'finding')} not counted"
    return Table(caption, [Column(head) for head in heads], rows, cut)


def _verdicts(v: Validation) -> list[Part]:
    rows = [
        (Cell(verdict, style), Cell(str(pages), sort=pages), said)
        for style, verdict, pages, said in words.verdicts(v)
    ]
    if not rows:
        return []
    columns = (
        Column("Verdict"),
        Column("Pages", number=True),
        Column(words.verdicts_heading(v).capitalize()),
    )
    return [Table(f"{counted(v.pfns, 'bad page')} by verdict", columns, rows)]


def _runs(v: Validation, call: Call) -> list[Part]:
    if not v.runs.rulings or v.page_size is None:
        return []
    count, shift = v.runs.count(), page_shift(v.page_size)
    every = count <= MAX_RUNS
    shown = list(
        islice(words.runs_where(v, lambda r: every or not words.simply_taken_out(r)), MAX_RUNS)
    )
    if not every and len(shown) < MAX_RUNS:
        shown += islice(words.runs_where(v, words.simply_taken_out), MAX_RUNS - len(shown))
    rows = [_run(a, b, r, shift) for a, b, r in shown]
    columns = (
        Column("PFNs", mono=True), Column("Pages", number=True), Column("Verdict"),
        Column("Address", mono=True), Column("Memory there"), Column("Code"),
    )  # fmt: skip
    if every:
        return [Table(counted(count, "run"), columns, rows)]
    table = Table(
        f"{len(rows)} of {counted(count, 'run')}, those first that are not simply taken out of use",
        columns,
        rows,
        "the lists below hold more runs than this table",
    )
    return [table, *_lists(v, count, call)]


def _run(a: int, b: int, r: Ruling, shift: int) -> Sequence[Cell | str]:
    style, verdict = words.verdict_of(r)
    address, pages = f"0x{a << shift:x}", str(b - a + 1)
    return span(a, b), pages, Cell(verdict, style), address, words.where(r, a), r.code or ""


def _lists(v: Validation, count: int, call: Call) -> Iterator[Part]:
    """Yield a list of runs for each verdict, up to ``MAX_LISTED`` runs in all unless all wanted."""
    left = count if call.everything else MAX_LISTED
    for looks in dict.fromkeys(map(words.verdict_of, v.runs.rulings)):
        ends = [(a, b) for a, b, r in v.runs.stretches() if words.verdict_of(r) == looks]
        runs = sum(v.runs.pfns.run_count(a, b) for a, b in ends)
        most = min(runs, left)
        left -= most
        found = (span(*run) for a, b in ends for run in v.runs.pfns.runs(a, b))
        cut = counted(runs - most, "more run is", "more runs are")
        cut += " not shown; --all and --json have all"
        title = f"{looks[1]}: {counted(runs, 'run')}"
        yield Listing(title, _joined(islice(found, most)), cut if most < runs else "")


def _joined(found: Iterator[str]) -> Iterator[str]:
    while piece := " ".join(islice(found, _PIECE)):
        yield piece


def _preserved(v: Validation) -> list[Part]:
    account = v.handover.account if v.handover else None
    if account is None or v.page_size is None:
        return []
    rows = []
    for x in account.owned[: blocks.MAX_ROWS]:
        pages = x.pages.pages() + x.more
        few, many = sorted((x.pages, v.runs.pfns), key=PfnSet.run_count)
        bad = sum(many.pages(*run) for run in few)
        size = pages * v.page_size
        rows.append(
            (
                x.name,
                x.kind,
                Cell(human_bytes(size), sort=size),
                str(x.pages.run_count()),
                Cell(str(bad), "error" if bad else "", sort=bad),
            )
        )
    columns = (
        Column("Owner"), Column("Kind"), Column("Size", number=True), Column("Runs", number=True),
        Column("Bad pages in it", number=True),
    )  # fmt: skip
    rest = len(account.owned) - len(rows)
    cut = f"{counted(rest, 'more owner is', 'more owners are')} not shown" if rest else ""
    return [Table(f"{counted(len(rows), 'owner')} of preserved memory", columns, rows, cut)]


def _basis(v: Validation) -> Fields:
    return blocks.fields([*words.outcome(v), *words.basis(v)])


def not_judged(result: CaseResult, call: Call) -> Page:
    """Return the page on a case that could not be judged."""
    why = result.accepted or result.error or "not judged"
    style: Style = "warning" if result.accepted is not None else "error"
    section = Section("why", "Why it was not judged", [Text(result.error or why, style)])
    return Page("validate", result.case, style, why, [], [section], call)
