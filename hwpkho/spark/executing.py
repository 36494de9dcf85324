"""What an executor does with the cases of a task: copies them to its disk, judges them, makes rows.

No row depends on the task, the executor or the attempt.
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

#: Rows of a record batch at most; cases whose rows are held before they are passed on.
_ROWS, _CASES = 1 << 16, 256
#: Cases that are judged at a time, while all their rows are held.
_CHUNK = 8
_OUTSIDE = confining.Outside(allows="the option outside")


@dataclass(slots=True)
class Judging:
    """Judges the cases of a task, in this process or another one; picklable.

    Attributes:
        work: How cases are judged.
        added_at: ``added_at`` of the rows, microseconds since 1970.
        copies: Copies cases to this machine; None: they are on a mounted file system.
        retried: Whether an earlier attempt at the task failed.
    """

    work: Work
    added_at: int
    copies: Copies | None
    retried: bool

    def __call__(self, chunk: Sequence[Job]) -> list[CaseRows]:
        """Return the rows of each case, in order."""
        if self.copies is None:
            found = self.work(list(chunk))
        else:
            found = [self._copied(self.copies, job) for job in chunk]
        return [self._identified(job, rows) for job, rows in zip(chunk, found, strict=True)]

    def died(self, job: Job) -> list[CaseRows]:
        """Return the row of a case whose process died, alone in a list."""
        return [self._identified(job, found) for found in self.work.died(job)]

    def _copied(self, copies: Copies, job: Job) -> CaseRows:
        try:
            with copies.of(job) as here:
                return self.work([here])[0]
        except Exception as error:
            # Let Spark retry the task once if the storage fails, but not for an error of the case.
            if not self.retried and not isinstance(error, HwpkhoError):
                raise
            return self.work.failed(job, *pool.why(error))

    def _identified(self, job: Job, found: CaseRows) -> CaseRows:
        """Return ``found`` with ``part`` and ``added_at``, which ``fleet add`` sets when it writes.

        ``part`` is a hash of the case and its place, so that of a capture that comes twice, in one
        load or in two, one counts.
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
    """Return an iterator over the rows of the cases, in the order of ``jobs``.

    Args:
        settings: The options of the load.
        maps: Names and contents of the memory maps for all cases.
        added_at: ``added_at`` of the rows, microseconds since 1970.
        jobs: The cases.
        folder: An empty folder on this machine's disk, which the caller removes.
        retried: Whether an earlier attempt failed. Then the cases are judged in another process, so
            that a case that kills its process becomes a row.
    """
    paths, shown = _written(maps, folder)
    work = settings.work
    copies = None
    where = settings.batch or settings.cases or ""
    if is_url(where):
        remote = Remote.of(where)
        copies = Copies(remote, str(folder / "cases"), settings.case_bytes)
        shown += _shown(copies)
    options = work.options._replace(memmaps=paths)
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
    """Write maps to this machine; return their paths, and pairs for :attr:`Work.shown`."""
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
    """Yield the rows that cases have in a table, or in ``all``, with their day.

    A batch has at most ``_ROWS`` rows: a case with a million runs fills several.
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
    """Return the rows that cases have in table ``name``, with the columns of ``table``."""
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
