"""Adding cases to a data set: judged in several processes, written by this one.

What was judged and not yet written is judged again after a kill; what was written is known by its
content and passed over. So a call that is repeated goes on where the last one ended.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
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

#: Cases that a process gets at once.
CHUNK = 32
#: A part is written when it has so many cases, or rows of pages and findings, or is so old,
#: seconds: what a kill costs is judged again, and what is held in memory is bounded.
_CASES, _ROWS, _AGE = 1 << 14, 1 << 19, 60.0
#: Cases that could not be judged and are named, at most.
_NAMED = 5


@dataclass(slots=True)
class Added:
    """What became of the cases of a call.

    Attributes:
        cases: All of them.
        added: Cases whose rows were written.
        known: Cases that the data set had already, or that came twice.
        not_judged: Of those added, the cases that could not be judged.
        remarked: Of those added, the cases with a host or time that cannot be used.
        no_time: Of those added, the cases without a time.
        pages: Rows of ``pages`` written.
        findings: Rows of ``findings`` written.
        errors: Why the first cases could not be judged, printable.
        remarks: What was wrong with the first hosts and times, printable.
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
    """How cases are judged, and by how many processes."""

    options: ValidateOptions
    accepted: Acceptance
    names: Names | None = None
    workers: int | None = None


def jobs(cases: Sequence[str], batch: str | None, *, outside: bool) -> tuple[Iterable[Job], int]:
    """Return the cases that a user named, and about how many they are.

    Raises InputError where one is not there, or a batch cannot be read.
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
    """Judge cases and add their rows; yield what became of them so far, again and again.

    Raises InputError where the data set cannot be read or written, UsageError where all cases are
    known and the pattern over their names fits none of them.
    """
    arrow.needed()
    _check_names(todo, how.names)
    places.opened(place, create=True)
    with place.alone():  # what somebody left half done counts
        pass
    known = Known(place)
    # What is given for the whole batch is for those cases that read it.
    options = replace(how.options, given=frozenset())
    work = Work(options, how.accepted, how.names, known, pool.named(options))
    workers = pool.processes(about, how.workers)
    writer = _Writer(place, known)
    for found in _judged(todo, work, workers, about):
        writer.take(found)
        yield writer.done
    writer.flush()
    yield writer.done


def _check_names(todo: Iterable[Job], by: Names | None) -> None:
    """Rows stay: a pattern that fits no case at all is told before any are made."""
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
    """Return ``lines``, of which there is one at least."""
    first = next(lines, None)
    if first is None:
        raise InputError(f"{printable(path)}: no case in this manifest")

    def rest() -> Iterator[manifest.Line]:
        yield first
        yield from lines

    return rest()


def _lines_of(path: str) -> int:
    """Return how many lines a file has, for a bar of progress."""
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
        """Hold the rows of cases, and write what is held when it is enough."""
        for case in found:
            self.done.cases += 1
            if case.known or case.key in self._held:
                self.done.known += 1
                continue
            ident = case.host["case_id"]
            if ident in self._idents:  # judged by two maps: a part has a case once
                self.flush()
            self._held[case.key] = case
            self._idents.add(ident)
            self._rows += case.rows
        full = len(self._held) >= _CASES or self._rows >= _ROWS
        if full or (self._held and time.monotonic() - self._began > _AGE):
            self.flush()

    def flush(self) -> None:
        """Write what is held; what others have written meanwhile is left out."""
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
        # A clock may go backwards; what is added later must still count as such.
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
                # Of a case that is a file the error names it.
                done.errors.append(error if error.startswith(f"{name}: ") else f"{name}: {error}")
        if host["remark"]:
            done.remarked += 1
            if len(done.remarks) < _NAMED:
                done.remarks.append(f"{host['case_name']}: {host['remark']}")
