"""Adds cases to a data set: several processes judge them, this one writes.

A call that is repeated after a kill continues where the last one ended: cases whose rows were
written are known by their content and skipped, those judged but not yet written are judged again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import islice
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import confining, unopened
from hwpkho.base.escape import printable
from hwpkho.batch import manifest, pool
from hwpkho.batch.pool import Job
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet import arrow, content, places
from hwpkho.fleet.judging import Work
from hwpkho.fleet.known import Known
from hwpkho.fleet.place import Place, path_in
from hwpkho.fleet.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from hwpkho.fleet.identity import Names
    from hwpkho.fleet.rows import CaseRows
    from hwpkho.judging.accept import Acceptance
    from hwpkho.judging.options import ValidateOptions

#: Cases that a process gets at a time.
CHUNK = 32
#: A part is written once it has so many cases, so many rows of pages and findings, or is so many
#: seconds old. That bounds the memory, and how much must be judged again after a kill.
_CASES, _ROWS, _AGE = 1 << 14, 1 << 19, 60.0
#: Cases that could not be judged, or have remarks, that are named at most.
_NAMED = 5


@dataclass(slots=True)
class Added:
    """How many cases a call has taken and added so far.

    Attributes:
        cases: All cases taken.
        added: Cases whose rows were written.
        known: Cases that the data set had already, or that came twice.
        not_judged: Of those added, the cases that could not be judged.
        remarked: Of those added, the cases whose manifest line or name gives a host, a time, a
            release, a DIMM listing or the like that cannot be used.
        no_time: Of those added, the cases without a time.
        pages: Rows of ``pages`` written.
        findings: Rows of ``findings`` written.
        errors: Why the first cases could not be judged, printable.
        remarks: What was wrong with the first cases remarked, printable.
    """

    cases: int = 0
    added: int = 0
    known: int = 0
    not_judged: int = 0
    remarked: int = 0
    no_time: int = 0
    pages: int = 0
    findings: int = 0
    errors: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class How:
    """How cases are judged.

    Attributes:
        options: Options for all cases; a manifest's line may change them for its case.
        accepted: Which findings count.
        names: The pattern over the cases' names, None without --names.
        workers: Processes; None: one for each CPU.
    """

    options: ValidateOptions
    accepted: Acceptance
    names: Names | None = None
    workers: int | None = None


def jobs(cases: Sequence[str], batch: str | None, *, outside: bool) -> tuple[Iterable[Job], int]:
    """Return the cases that the user named, and about how many there are, for a progress bar.

    ``batch`` is a manifest or a folder of cases, and replaces ``cases``; with ``outside`` its cases
    may lie outside its folder. Raises InputError if a case is not there or the batch cannot be
    read, UsageError for standard input.
    """
    if batch is None:
        return [_job(path) for path in cases], len(cases)
    if Path(batch).is_dir():
        found = pool.jobs(batch, outside=outside)
        return found, len(found)
    within = None if outside else confining.resolved([str(Path(batch).parent)])[0]
    lines = _first_of(manifest.read(batch, distinct=False), batch)
    return (Job(line.case, line=line, within=within) for line in lines), _lines_of(batch)


def add(place: Place, todo: Iterable[Job], about: int, how: How) -> Generator[Added]:
    """Judge cases and add their rows; yield after each chunk how many there are so far.

    The same object is yielded every time. Raises InputError if the data set cannot be read or
    written, UsageError without PyArrow, or if ``todo`` is a list and --names fits none of it.
    """
    arrow.needed()
    _check_names(todo, how.names)
    places.ensure(place, create=True)
    with place.alone():  # finishes the write of a process that was killed, so that it is known
        pass
    known = Known(place)
    # An option given for the whole batch must not be refused for a case that does not read it.
    options = how.options._replace(given=frozenset())
    work = Work(options, how.accepted, how.names, known, pool.named(options))
    workers = pool.processes(about, how.workers)
    writer = _Writer(place, known)
    for found in _judged(todo, work, workers, about):
        writer.take(found)
        yield writer.done
    writer.flush()
    yield writer.done


def _check_names(todo: Iterable[Job], by: Names | None) -> None:
    """Raise UsageError for a pattern that fits no case: rows cannot be taken back later."""
    if by is None or not isinstance(todo, list) or any(by.match(job.path) for job in todo):
        return
    first = printable(todo[0].path)
    raise UsageError(f"--names: no case ends with {printable(by.text)}; the first is {first}")


def _judged(todo: Iterable[Job], work: Work, workers: int, about: int) -> Generator[list[CaseRows]]:
    coming = iter(todo)
    size = max(1, min(CHUNK, about // (workers * 4)))
    chunks = iter(lambda: list(islice(coming, size)), [])
    if workers == 1:
        yield from map(work, chunks)
    else:
        yield from pool.each(chunks, work, work.died, workers)


def _job(path: str) -> Job:
    name = printable(normpath(path))  # ./a is a
    if path == unopened.STDIN or "\0" in path:
        raise UsageError(f"{name}: a case is a file or a folder")
    if not Path(path.rpartition("@")[0] or path).exists() and not Path(path).exists():
        raise InputError(f"{name}: no such file or folder")
    if Path(path).is_dir():
        return Job(name, folder=path)
    return Job(name, line=manifest.Line(name, 0, (path,), options={}))


def _first_of(lines: Iterator[manifest.Line], path: str) -> Iterator[manifest.Line]:
    """Return ``lines``; raises InputError if there are none."""
    first = next(lines, None)
    if first is None:
        raise InputError(f"{printable(path)}: no case in this manifest")

    def rest() -> Iterator[manifest.Line]:
        yield first
        yield from lines

    return rest()


def _lines_of(path: str) -> int:
    """Return how many lines a file has, for a progress bar; at least 1."""
    count = 0
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            count += block.count(b"\n")
    return max(1, count)


class _Writer:
    def __init__(self, place: Place, known: Known) -> None:
        self._place, self._known = place, known
        self._held: dict[bytes, CaseRows] = {}
        self._idents: set[str] = set()
        self._rows = 0
        self._began = time.monotonic()
        self.done = Added()

    def take(self, found: Iterable[CaseRows]) -> None:
        """Hold the rows of cases, and write them once a part is full or old enough."""
        for case in found:
            self.done.cases += 1
            if case.known or case.key in self._held:
                self.done.known += 1
                continue
            ident = case.host["case_id"]
            if ident in self._idents:  # the same capture, judged by another map: another part
                self.flush()
            self._held[case.key] = case
            self._idents.add(ident)
            self._rows += case.rows
        full = len(self._held) >= _CASES or self._rows >= _ROWS
        if full or (self._held and time.monotonic() - self._began > _AGE):
            self.flush()

    def flush(self) -> None:
        """Write the rows held, without cases that other processes have added meanwhile."""
        if self._held:
            with self._place.alone():
                by_day = arrow.by_day(self._held.values())
                for day, cases in by_day.items():
                    self._known.refresh(day)
                    by_day[day] = [c for c in cases if not self._known.has(day, c.key)]
                written = sum(map(len, by_day.values()))
                self.done.known += len(self._held) - written
                if written:
                    self._write(by_day)
            self._held.clear()
            self._idents.clear()
        self._rows, self._began = 0, time.monotonic()

    def _write(self, by_day: dict[str | None, list[CaseRows]]) -> None:
        # The latest added_at of a case wins, so it must grow even if the clock goes backwards.
        added_at = max(time.time_ns() // 1000, self._known.newest + 1)
        keys = sorted(c.key for cases in by_day.values() for c in cases)
        part = content.digest(*keys).hex()
        files: dict[str, bytes] = {}
        for day, cases in by_day.items():
            for case in cases:
                case.host |= {"part": part, "added_at": added_at}
            for table in TABLES:
                rows = arrow.table_of(table, cases)
                if rows.num_rows:
                    files[path_in(table, day, part)] = arrow.parquet(rows)
        self._place.put(part, files)
        self._known.newest = added_at
        for day, cases in by_day.items():
            for case in cases:
                self._known.add(day, case.key)
                self._count(case)

    def _count(self, case: CaseRows) -> None:
        done, host = self.done, case.host
        done.added += 1
        done.pages += sum(len(s.first) for s in case.segments)
        done.findings += len(case.findings)
        done.no_time += host["taken_at"] is None
        if host["error"]:
            done.not_judged += 1
            if len(done.errors) < _NAMED:
                name, error = host["case_name"], host["error"]
                # The error of a case that is a single file begins with its name already.
                done.errors.append(error if error.startswith(f"{name}: ") else f"{name}: {error}")
        if host["remark"]:
            done.remarked += 1
            if len(done.remarks) < _NAMED:
                done.remarks.append(f"{host['case_name']}: {host['remark']}")
