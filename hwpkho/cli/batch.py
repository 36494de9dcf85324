"""``hwpkho validate --batch``: results as they come, a progress bar on a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from hwpkho.base import output
from hwpkho.base.counting import counted
from hwpkho.batch import pool
from hwpkho.cli import screen
from hwpkho.judging import accept

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from hwpkho.cli.report_file import Reports, Writers
    from hwpkho.judging.accept import Acceptance
    from hwpkho.judging.baseline import Entry
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import Finding


class _BatchTotals:
    """What is kept of all results: exit code, totals, entries for a new baseline."""

    def __init__(self, accepted: Acceptance, reason: str | None) -> None:
        self.accepted = accepted
        self.reason = reason
        self.worst = 0
        self.unread = 0
        self.total = 0
        self.used: set[int] = set()
        self.cases: set[str] = set()
        self.entries: list[Entry] = []

    def add(self, result: CaseResult) -> None:
        self.total += 1
        self.worst = max(self.worst, result.exit)
        self.used |= result.used
        if result.state == "not-judged":
            self.unread += 1
        elif result.validation is not None:
            self.cases.add(result.case)
        if self.reason is not None:
            self.entries += accept.as_entries([result], self.reason, batch=True)

    def notes(self) -> list[Finding]:
        return accept.stale_entries(self.accepted, self.used, self.cases)


def run(
    path: str,
    options: ValidateOptions,
    accepted: Acceptance,
    to: Reports,
    workers: int | None,
    write_baseline: str | None,
    reason: str | None,
    *,
    outside: bool,
) -> int:
    """Judge the cases of a folder or manifest, write the reports, and return the exit code."""
    todo = pool.jobs(path, outside=outside)
    named = [x for x in options.against if isinstance(x, str)]
    read = [*options.memmaps, *named, *filter(None, [accepted.baseline_file])]
    to.check([path, *(r for job in todo for r in job.reads), *read], write_baseline, batch=True)
    if write_baseline is not None:
        accept.check_place(write_baseline, accepted)
    totals = _BatchTotals(accepted, reason)
    results = pool.run(todo, options, accepted, pool.processes(len(todo), workers), to.draw())
    bar = sys.stderr.isatty() and screen.settings().detail >= 0
    # While the bar is drawn, a report that goes to the terminal is held back.
    with output.together() as writing:
        with to.open(writing, batch=True, held=bar) as writers:
            notes = _report(results, len(todo), totals, to, writers, bar=bar)
        if write_baseline is not None:
            accept.write_entries(writing, write_baseline, totals.entries, accepted)
    if totals.unread:
        screen.say(
            f"hwpkho: {totals.unread} of {counted(totals.total, 'case')} could not be judged"
        )
    if accepted.fail_on == "note" and notes:
        return max(totals.worst, 1)
    return totals.worst


def _report(
    results: Generator[CaseResult],
    cases: int,
    totals: _BatchTotals,
    to: Reports,
    writers: Writers,
    *,
    bar: bool,
) -> list[Finding]:
    """Write the reports on all results, and return the notes on all of them together."""
    with closing(_with_bar(results, cases) if bar else results) as shown:
        for result in shown:
            totals.add(result)
            to.check_input(*result.inputs, *result.memmaps)
            writers.add(result)
    notes = totals.notes()
    writers.finish(notes)
    return notes


def _with_bar(results: Iterable[CaseResult], total: int) -> Generator[CaseResult]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(None), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    console = Console(stderr=True, no_color=not screen.wanted(sys.stderr), highlight=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, rate="")
        begun = time.monotonic()
        for done, result in enumerate(results, 1):
            yield result
            bar.update(task, completed=done, rate=_rate(done, total, time.monotonic() - begun))


def _rate(done: int, total: int, seconds: float) -> str:
    """Return cases a second, and how long the rest takes at that rate: ``5.2/s, 1:20 left``."""
    if not seconds:
        return ""
    left = round((total - done) * seconds / done)
    minutes, rest = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{done / seconds:.3g}/s, {clock} left"
