"""``hwpkho validate --batch``: results as they come, a progress bar on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hwpkho.batch import pool as job
from hwpkho.cli import stdout
from hwpkho.judge import accept as accepting
from hwpkho.report.validate import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.judge.accept import Acceptance
    from hwpkho.judge.baseline import Entry
    from hwpkho.judge.case_result import CaseResult
    from hwpkho.judge.options import ValidateOptions
    from hwpkho.judge.result import Finding


class _Taken:
    """Passes results on and remembers what is needed when all were taken."""

    def __init__(self, accepted: Acceptance, reason: str | None) -> None:
        self.accepted = accepted
        self.reason = reason
        self.worst = 0
        self.unread = 0
        self.total = 0
        self.used: set[int] = set()
        self.cases: set[str] = set()
        self.entries: list[Entry] = []

    def each(self, results: Iterable[CaseResult]) -> Iterator[CaseResult]:
        for result in results:
            self.total += 1
            self.worst = max(self.worst, result.exit)
            self.used |= result.used
            if result.validation is None:
                self.unread += 1
            else:
                self.cases.add(result.case)
            if self.reason is not None:
                self.entries += accepting.as_entries([result], self.reason, batch=True)
            yield result

    def notes(self) -> list[Finding]:
        return accepting.stale_entries(self.accepted, self.used, self.cases)


def run(
    path: str,
    options: ValidateOptions,
    accepted: Acceptance,
    format_name: str,
    workers: int | None,
    write_baseline: str | None,
    reason: str | None,
    *,
    outside: bool,
) -> int:
    """Judge all cases, write what the format says to stdout, and return the exit code."""
    todo = job.jobs(path, outside=outside)
    taken = _Taken(accepted, reason)
    results = job.run(todo, options, accepted, job.processes(len(todo), workers))
    context = stdout.context(taken.notes)
    chosen = formats.FORMATS[format_name]
    if sys.stderr.isatty():
        pieces = chosen.batch(taken.each(_with_bar(results, len(todo))), context)
        if sys.stdout.isatty():
            pieces = iter(list(pieces))  # a bar and a report cannot share the screen
    else:
        pieces = chosen.batch(taken.each(results), context)
    for piece in pieces:
        sys.stdout.write(piece)
    notes = taken.notes()
    if write_baseline is not None:
        accepting.write_entries(write_baseline, taken.entries, accepted)
    if taken.unread:
        click.echo(f"hwpkho: {taken.unread} of {taken.total} cases could not be judged", err=True)
    if accepted.fail_on == "note" and notes:
        return max(taken.worst, 1)
    return taken.worst


def _with_bar(results: Iterable[CaseResult], total: int) -> Iterator[CaseResult]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(results, total=total)
