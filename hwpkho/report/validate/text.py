"""validate for people, on one case: headline, findings, verdicts, runs, picture, basis."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import page_shift
from hwpkho.base.counting import counted
from hwpkho.codes import SEVERITIES
from hwpkho.report.parts import picture
from hwpkho.report.parts.layout import Column, field, flow, fold, span, table
from hwpkho.report.validate import memory, words
from hwpkho.report.validate.base import TextReport, TextWriter
from hwpkho.report.validate.findings import finding_lines, is_routine
from hwpkho.report.validate.many import Many

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding, Validation
    from hwpkho.judging.rulings import Ruling
    from hwpkho.report.parts.layout import Cell
    from hwpkho.report.parts.screen import Screen

#: Longer lists of runs and findings are cut unless --all is given.
MAX_RUNS = 20
MAX_FINDINGS = 40

#: Label of PFNs without verdicts.
_LIST = "  PFNs      "


class _One(TextWriter):
    """The report on a single case."""

    def add(self, result: CaseResult) -> None:
        v, screen = result.validation, self._screen
        if v is None:
            self.write(f"{result.case}: {result.error}\n")
            return
        style, sentence = words.case_headline(result, v)
        paint = screen.paint
        title = f"{paint('head', result.case)}: {paint(style, sentence)}"
        blocks = [fold(title, screen.prose, "", "  ")]
        if screen.detail >= 0:
            blocks += [
                _fields(words.outcome(v), screen),
                list(_findings(result, screen)),
                list(_verdict_table(v, screen)),
                list(_runs(v, screen)),
                _picture(v, screen),
                _fields(words.basis(v), screen),
            ]
        self.write("\n\n".join("\n".join(block) for block in blocks if block) + "\n")

    def finish(self, _notes: Sequence[Finding]) -> None:
        """Write nothing: a single case has its notes among its findings."""


REPORT = TextReport("text", "for people", _One, Many)


def _fields(rows: Iterator[tuple[str, str]], screen: Screen) -> list[str]:
    return [line for label, text in rows for line in field(label, text, screen)]


def _verdict_table(v: Validation, screen: Screen) -> Iterator[str]:
    rows: list[tuple[Cell, ...]] = [
        ((style, verdict), str(pages), text) for style, verdict, pages, text in words.verdicts(v)
    ]
    columns = (
        Column("verdict"),
        Column("pages", right=True),
        Column(words.verdicts_heading(v), wraps=True),
    )
    yield from table(columns, rows, screen)


def _runs(v: Validation, screen: Screen) -> Iterator[str]:
    """Yield the lines on runs; if not all are shown, those that are not simply replayed first."""
    if not v.runs.rulings or v.page_size is None:
        return
    count, most = v.runs.count(), screen.most(MAX_RUNS)
    every = count <= most
    shown = list(
        islice(words.runs_where(v, lambda r: every or not words.simply_taken_out(r)), most)
    )
    if len(shown) < min(count, most):
        shown += islice(words.runs_where(v, words.simply_taken_out), most - len(shown))
    if any(r.verdict or r.fact for r in v.runs.rulings):
        yield from _judged(shown, page_shift(v.page_size), screen)
    elif shown:
        listed = [span(a, b) for a, b, _ in shown]
        yield from flow([f"{s}," for s in listed[:-1]] + listed[-1:], screen.width, _LIST, " ")
    rest = count - len(shown)
    if rest:
        yield f"  and {counted(rest, 'more run')}; --all shows all"


def _judged(shown: Sequence[tuple[int, int, Ruling]], shift: int, screen: Screen) -> Iterator[str]:
    columns = (
        Column("PFN"), Column("pages", right=True), Column("verdict"), Column("address"),
        Column("memory there", wraps=True),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for a, b, r in shown:
        where = f"{words.where(r, a)}{f' ({r.code})' if r.code else ''}"
        address = ("dim", f"0x{a << shift:x}")
        rows.append((span(a, b), str(b - a + 1), words.verdict_of(r), address, where))
    yield from table(columns, rows, screen)


def _picture(v: Validation, screen: Screen) -> list[str]:
    """Return the lines of the picture; empty without a map or bad pages to show on it."""
    if not v.frames or v.page_size is None or not v.pfns:
        return []
    return picture.draw(memory.runs(v), screen, marks=memory.marks(v), ram=True)


def _findings(result: CaseResult, screen: Screen) -> Iterator[str]:
    v = result.validation
    every = v.findings if v else ()
    findings = [f for f in every if screen.detail > 0 or not is_routine(f) or result.fails(f)]
    yield from field("findings", _summary(result, every, findings), screen)
    most, told = screen.most(MAX_FINDINGS), set[str]()
    for f in findings[:most]:
        yield from finding_lines(f, screen, advice=f.code not in told)
        told.add(f.code)
    if len(findings) > most:
        yield f"  and {counted(len(findings) - most, 'more finding')}; --all shows all"


def _summary(result: CaseResult, every: Sequence[Finding], shown: Sequence[Finding]) -> str:
    """Return how many findings are shown by severity, and how many are not shown or not counted."""
    parts = [counted(n, s) for s in SEVERITIES if (n := sum(f.severity == s for f in shown))]
    if not parts:
        parts = ["none"]
    if len(every) > len(shown):
        parts.append(f"{counted(len(every) - len(shown), 'routine note')} (-v shows them)")
    if result.suppressed:
        known = sum(s.by == "baseline" for s in result.suppressed)
        accepted = f", {known} of them accepted by the baseline" if known else ""
        parts.append(f"{len(result.suppressed)} more not counted{accepted}")
    return ", ".join(parts)
