"""What an executor does with the cases of a task: it brings them to its disk, judges them and makes
their rows. No row depends on the task, the executor or the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.base import confining
from hwpkho.base.escape import printable
from hwpkho.batch import pool
from hwpkho.errors import HwpkhoError
from hwpkho.fleet import arrow, content
from hwpkho.spark import layout
from hwpkho.spark.copying import Copies
from hwpkho.spark.remote import Remote, is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from hwpkho.batch.pool import Job
    from hwpkho.fleet.judging import Work
    from hwpkho.fleet.rows import CaseRows
    from hwpkho.fleet.schema import Table
    from hwpkho.spark.options import Settings

#: Rows go on once there are so many, or of so many cases; a batch has no more rows.
_ROWS, _CASES = 1 << 16, 256
#: Cases that are judged in a go, and whose rows are held meanwhile.
_CHUNK = 8
_OUTSIDE = confining.Outside(allows="the option outside")


@dataclass(slots=True)
class Judging:
    """Judges the cases of a task, here or in a process of its own.

    Attributes:
        work: How cases are judged.
        added_at: Of the rows, microseconds since 1970.
        copies: What brings cases to this machine; None: they are here.
        retried: Whether an earlier attempt at the task failed.
    """

    work: Work
    added_at: int
    copies: Copies | None
    retried: bool

    def __call__(self, chunk: Sequence[Job]) -> list[CaseRows]:
        """Return the rows of some cases."""
        if self.copies is None:
            found = self.work(list(chunk))
        else:
            found = [self._copied(self.copies, job) for job in chunk]
        return [self._identified(job, rows) for job, rows in zip(chunk, found, strict=True)]

    def died(self, job: Job) -> list[CaseRows]:
        """Return the row of a case whose process died."""
        return [self._identified(job, found) for found in self.work.died(job)]

    def _copied(self, copies: Copies, job: Job) -> CaseRows:
        try:
            with copies.of(job) as here:
                return self.work([here])[0]
        except Exception as error:
            # The storage may be back when the task is tried again; the case is no better then.
            if not self.retried and not isinstance(error, HwpkhoError):
                raise
            return self.work.failed(job, *pool.why(error))

    def _identified(self, job: Job, found: CaseRows) -> CaseRows:
        """Say what the writer of a data set says. Of a capture that comes twice one counts, in one
        load or in two.
        """
        number = job.line.number if job.line else 0
        part = content.digest(found.key, job.case, job.path, str(number), str(self.added_at))
        host = found.host
        host |= {"part": part.hex(), "added_at": self.added_at}
        for name in ("error", "remark"):
            if host[name]:
                host[name] = self.work.called(host[name])
        return found


def judged(
    settings: Settings,
    maps: Sequence[tuple[str, bytes]],
    added_at: int,
    jobs: Iterable[Job],
    folder: Path,
    *,
    retried: bool,
) -> Iterator[CaseRows]:
    """Yield the rows of cases, in their order.

    Args:
        settings: What the options come to.
        maps: The memory maps of all cases, by their names.
        added_at: Of the rows, microseconds since 1970.
        jobs: The cases.
        folder: An empty one on this machine's disk, which the caller removes.
        retried: Whether an earlier attempt failed. Then each case is judged in another process, so
            that one that kills its process is a row.
    """
    paths, shown = _written(maps, folder)
    work = settings.work
    copies = None
    where = settings.batch or settings.cases or ""
    if is_url(where):
        remote = Remote.of(where)
        copies = Copies(remote, str(folder / "cases"), settings.case_bytes)
        shown += _shown(copies)
    options = replace(work.options, memmaps=paths)
    work = replace(work, options=options, named=pool.named(options), shown=shown, outside=_OUTSIDE)
    judging = Judging(work, added_at, copies, retried)
    found: Iterable[list[CaseRows]]
    if retried:
        found = pool.each(([job] for job in jobs), judging, judging.died, 1)
    else:
        coming = iter(jobs)
        found = map(judging, iter(lambda: list(islice(coming, _CHUNK)), []))
    return chain.from_iterable(found)


def _written(
    maps: Sequence[tuple[str, bytes]], folder: Path
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Write maps to this machine; return their paths, and what messages call them."""
    paths, shown = [], []
    for number, (name, data) in enumerate(maps):
        path = folder / f"map-{number}"
        path.write_bytes(data)
        paths.append(str(path))
        shown.append((str(path), printable(name)))
    return tuple(paths), tuple(shown)


def _shown(copies: Copies) -> tuple[tuple[str, str], ...]:
    root = copies.remote.root.rpartition("/")[0]
    top = "/" if root.startswith("/") else ""
    return tuple(
        (printable(copies.local(key)), printable(copies.remote.url(key))) for key in (root, top)
    )


def batches(found: Iterable[CaseRows], table: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows that cases have in a table, and their day, in batches of a bounded size.

    A case with a million runs fills several of them.
    """
    held: list[CaseRows] = []
    rows = 0
    for case in chain(found, [None]):
        if case is not None:
            held.append(case)
            rows += case.rows
        if case is None or rows >= _ROWS or len(held) == _CASES:
            for name in layout.tables_of(table):
                yield from _with_day(_laid_out(held, name, table)).to_batches(max_chunksize=_ROWS)
            held, rows = [], 0


def _laid_out(cases: Sequence[CaseRows], name: Table, table: str) -> pa.Table:
    """Return the rows that cases have in a table, with the columns that ``table`` has."""
    import pyarrow as pa

    made = arrow.table_of(name, cases)
    if table == name:
        return made
    columns = layout.columns_of(table)
    rows = made.num_rows
    known = {"table": pa.repeat(name, rows), **{n: made[n] for n in made.column_names}}
    types = {c.name: arrow.type_of(c.type) for c in columns}
    fields = [pa.field(c.name, types[c.name], nullable=not c.required) for c in columns]
    arrays = [known.get(n, pa.nulls(rows, types[n])) for n in types]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _with_day(made: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    days = pc.floor_temporal(made["taken_at"], unit="day")
    return made.append_column("day", pc.cast(days, pa.date32()))
