"""fleet add: a progress bar, and what was added, for people and as ``hwpkho.fleet-add/1``."""

from __future__ import annotations

import sys
import time
from collections import deque
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.fleet.add import Added
from hwpkho.report.parts import jsondoc
from hwpkho.report.parts.layout import fold
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ADDED_SCHEMA = "hwpkho.fleet-add/1"


def watched(done: Generator[Added], about: int, *, quiet: bool = False) -> Added:
    """Run ``done`` to its end and return its last item.

    A progress bar up to ``about`` cases is drawn on standard error if that is a terminal.
    """
    with closing(done):  # an exception here must end the worker processes, too
        return _watched(done, about, quiet=quiet)


def _watched(done: Iterator[Added], about: int, *, quiet: bool) -> Added:
    last = Added()
    if quiet or not sys.stderr.isatty():
        return deque(done, maxlen=1).pop()
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    rate = TextColumn("{task.fields[rate]:,.0f}/s")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=about, rate=0.0)
        for last in done:
            took = max(time.monotonic() - began, 0.001)
            bar.update(task, completed=last.cases, rate=last.cases / took)
    return last


def remarks(done: Added) -> Iterator[str]:
    """Yield a warning a line: cases not judged, with unusable facts given, or without a time."""
    if done.not_judged:
        yield f"{counted(done.not_judged, 'case')} could not be judged; the rows say why"
        yield from _some(done.errors, done.not_judged)
    if done.remarked:
        yield f"{counted(done.remarked, 'case')} with a host, time or the like that cannot be used"
        yield from _some(done.remarks, done.remarked)
    if done.no_time:
        yield (
            f"{counted(done.no_time, 'case')} without a time: left out where captures are compared "
            "(lost, new, growing, repeat)"
        )


def _some(lines: list[str], total: int) -> Iterator[str]:
    yield from lines
    if total > len(lines):
        yield f"… and {total - len(lines)} more"


def added(done: Added, screen: Screen | None = None) -> str:
    """Return how many cases and rows were added, as a line for people."""
    said = (
        f"{counted(done.added, 'case')} added, {done.known} there already; "
        f"{counted(done.pages, 'row')} of pages, {counted(done.findings, 'row')} of findings"
    )
    return "".join(f"{line}\n" for line in fold(said, (screen or Screen()).prose, "", "  "))


def added_json(done: Added) -> str:
    """Return ``hwpkho.fleet-add/1``."""
    return jsondoc.dump(ADDED_SCHEMA, asdict(done))
