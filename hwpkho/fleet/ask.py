"""Asks a data set by DuckDB, in this process.

DuckDB reads the Parquet files; it writes nothing but temporary files if memory is short.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from hwpkho.base import temporary
from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet import interruptible, parquet, places, questions
from hwpkho.fleet.dialect import DUCKDB
from hwpkho.fleet.schema import SCHEMA, TABLES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from hwpkho.fleet.place import Place
    from hwpkho.fleet.schema import Table

#: Memory that DuckDB uses before it writes temporary files, so that the process stays below 1 GiB.
_MEMORY = "700MiB"
_THREADS = 8
_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question, or a query, with its parameters.

    Attributes:
        question: Name of a question; None: ``sql`` is asked.
        sql: A query of the user's own.
        host: The host to ask about; None: all.
        since: Captures from this time on, UTC without a zone; None: all.
        max_pages: A limit in pages, for a question that needs one.
        limit: Rows at most; None: all.
    """

    question: str | None = None
    sql: str | None = None
    host: str | None = None
    since: datetime | None = None
    max_pages: int | None = None
    limit: int | None = None

    @property
    def name(self) -> str:
        """The question, or the query."""
        return self.question or self.sql or ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whose rows are read from DuckDB when they are asked for.

    Attributes:
        question: The question's name, or the query.
        columns: Names of the columns.
        connection: The connection to DuckDB on which the query runs.
        query: The SQL and its parameters.
        place: The data set.
        wanted: What was asked.
    """

    question: str
    columns: tuple[str, ...]
    connection: DuckDBPyConnection
    query: tuple[str, dict[str, Any]]
    place: Place
    wanted: Wanted

    @property
    def name(self) -> str:
        """The data set, as the user named it."""
        return self.place.name

    @property
    def limit(self) -> int | None:
        """Rows at most; None: all."""
        return self.wanted.limit

    def also(self, question: str | None) -> Answer:
        """Return the answer to another question about the same hosts and times.

        None asks the same question again. Raises InputError if DuckDB fails.
        """
        import duckdb

        wanted = self.wanted if question is None else replace(self.wanted, question=question)
        sql, given = _query(wanted)
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql, given)
        except duckdb.Error as error:
            raise _complaint(self.place, error, own=False) from error
        columns = tuple(str(c[0]) for c in cursor.description or ())
        return Answer(wanted.name, columns, cursor, (sql, given), self.place, wanted)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows, once.

        Raises InputError if a file is damaged or memory runs out, UsageError if the user's own
        query fails.
        """
        return islice(self._rows(), self.limit)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        import duckdb

        try:
            while found := interruptible.run(
                self.connection, lambda: self.connection.fetchmany(_ROWS)
            ):
                yield from found
        except duckdb.Error as error:
            raise _complaint(self.place, error, own=self.wanted.question is None) from error

    def batches(self) -> tuple[Any, Iterator[Any]]:
        """Return the Arrow schema of the rows, and an iterator of them as record batches.

        The query runs anew. Iterating raises what :meth:`rows` raises.
        """
        sql, given = self.query
        cursor = self.connection.cursor()
        reader: Any = interruptible.run(
            cursor, lambda: cursor.sql(sql, params=given).to_arrow_reader(1 << 16)
        )
        return reader.schema, self._batches(cursor, reader)

    def _batches(self, cursor: DuckDBPyConnection, reader: Any) -> Iterator[Any]:
        import duckdb
        import pyarrow as pa

        left, own = self.limit, self.wanted.question is None
        while True:
            try:
                batch = interruptible.run(cursor, lambda: next(reader, None))
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise _complaint(self.place, error, own=own) from error
            if batch is None:
                return
            yield batch if left is None else batch.slice(0, left)
            left = None if left is None else max(0, left - batch.num_rows)
            if left == 0:
                return


@contextmanager
def ask(place: Place, wanted: Wanted) -> Generator[Answer]:
    """Open a data set and yield the answer to a question, which is valid within the block.

    Raises UsageError for an unknown question, a query that fails, or without DuckDB; InputError if
    the data set cannot be read.
    """
    sql, given = _query(wanted)
    with _connected(place) as connection:
        columns = _run(connection, place, sql, given, own=wanted.question is None)
        yield Answer(wanted.name, columns, connection, (sql, given), place, wanted)


def _query(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    if wanted.question is None:
        return wanted.sql or "", {}
    asked = questions.question(wanted.question)
    values = {"host": wanted.host, "since": wanted.since, "max_pages": wanted.max_pages}
    sql, names = DUCKDB.spelled(asked.sql)
    return sql, {name: values[name] for name in names}


def needed() -> None:
    """Raise UsageError if DuckDB is not installed."""
    try:
        import_module("duckdb")
    except ImportError as error:
        raise UsageError("needs pyarrow and duckdb: pip install 'hwpkho[fleet]'") from error


@contextmanager
def _connected(place: Place) -> Generator[DuckDBPyConnection]:
    """Yield a connection to an in-memory DuckDB with the views of a data set.

    It loads no extensions and sees no Python variables.
    """
    needed()
    import duckdb

    places.ensure(place, create=False)
    files = place.committed()
    with temporary.folder() as spilled:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "threads": min(len(os.sched_getaffinity(0)), _THREADS),
            "temp_directory": str(spilled),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET enable_progress_bar = false")  # it is drawn on standard output
            place.register(connection)
            try:
                _check(connection, place, files)
                _make_views(connection, place, files)
            except duckdb.Error as error:
                raise _complaint(place, error, own=False) from error
            yield connection


def _check(connection: DuckDBPyConnection, place: Place, files: dict[Table, list[str]]) -> None:
    """Raise InputError if a file is not of this version: one query for all, then file by file."""
    for table, paths in files.items():
        if not paths:
            continue
        found = connection.execute(
            "SELECT count(DISTINCT file_name) FROM parquet_kv_metadata($files) "
            "WHERE decode(key) = 'hwpkho.schema' AND decode(value) = $schema",
            {"files": [place.in_sql(p) for p in paths], "schema": SCHEMA},
        ).fetchone()
        if found is None or found[0] != len(paths):
            _find_bad(place, {table: paths})


def _find_bad(place: Place, files: dict[Table, list[str]]) -> None:
    """Raise InputError for the first file that is damaged or of another version, if there is one.

    The footers of all files are read first, as that is quicker; then all files whole.
    """
    for look in (parquet.opened, parquet.check):
        for table, paths in files.items():
            for path in paths:
                look(place, table, path)


def _make_views(
    connection: DuckDBPyConnection, place: Place, files: dict[Table, list[str]]
) -> None:
    for table, paths in files.items():
        sql = _of_files([place.in_sql(p) for p in paths]) if paths else _empty(table)
        connection.execute(f"CREATE VIEW {table}_files AS {sql}")
    for name in questions.VIEWS:
        # All other views ask for it and it is mostly empty, so it is computed once.
        kind = "TABLE" if name == "superseded" else "VIEW"
        connection.execute(f"CREATE {kind} {name} AS {questions.view(name)}")


def _of_files(paths: Sequence[str]) -> str:
    return f"{_SELECT} FROM read_parquet([{', '.join(map(_quoted, paths))}], {_OPTIONS})"


#: No Hive partitioning: a folder above the data set may be called region=eu, which is no column.
_OPTIONS = "hive_partitioning = false, union_by_name = false"
_SELECT = "SELECT *, CAST(taken_at AS DATE) AS day"


def _empty(table: Table) -> str:
    return f"{_SELECT} FROM ({DUCKDB.empty(table)}) AS files"


def _run(
    connection: DuckDBPyConnection,
    place: Place,
    sql: str,
    given: dict[str, Any],
    *,
    own: bool,
) -> tuple[str, ...]:
    """Run a query, the user's own or not, and return the names of its columns."""
    import duckdb

    try:
        if own:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError("--sql: expected one SELECT")
            _restrict(connection, place)
        interruptible.run(connection, lambda: connection.execute(sql, given))
    except duckdb.Error as error:
        raise _complaint(place, error, own=own) from error
    columns = tuple(str(c[0]) for c in connection.description or ())
    twice = next((c for c in columns if columns.count(c) > 1), None) if own else None
    if twice is not None:  # a JSON row can have each name only once
        raise UsageError(f"--sql: two columns are called {printable(twice)[:60]}; name one with AS")
    return columns


def _restrict(connection: DuckDBPyConnection, place: Place) -> None:
    """Restrict DuckDB to the files of the data set, before it runs a query of the user's own."""
    files = [p for paths in place.committed().values() for p in paths]
    # DuckDB checks both the file's name and the escaped pattern by which the views name it.
    paths = dict.fromkeys(named(p) for p in files for named in (place.url, place.in_sql))
    connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, paths))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def views(place: Place) -> Iterator[str]:
    """Yield SQL that makes the views of a data set in a plain ``duckdb``.

    The views name files by a pattern, so they include what is added later. Raises InputError if
    there is no data set.
    """
    places.ensure(place, create=False)
    yield f"-- The data set {printable(place.name)}, {SCHEMA}: views for DuckDB.\n"
    for table in TABLES:
        if not place.files(table):
            yield f"CREATE OR REPLACE VIEW {table}_files AS {_empty(table)};\n"
            continue
        pattern = _quoted(place.pattern(table))
        yield (
            f"CREATE OR REPLACE VIEW {table}_files AS\n{_SELECT}\nFROM read_parquet({pattern}, "
            f"{_OPTIONS});\n"
        )
    for name in questions.VIEWS:
        yield f"\nCREATE OR REPLACE VIEW {name} AS\n{questions.view(name).rstrip()};\n"
    for asked in questions.QUESTIONS.values():
        if asked.needs:
            continue
        comments = "".join(f"{s}\n" for s in asked.sql.splitlines() if s.startswith("--"))
        sql, _ = questions.spelled(asked.sql, lambda _: "NULL")
        yield f"\n{comments}CREATE OR REPLACE VIEW ask_{asked.name} AS\n{sql.strip()};\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    """Return the first line of DuckDB's message; the others quote the SQL and point into it."""
    return printable(str(error).partition("\n")[0])[:300]


#: DuckDB's exceptions for which no file is at fault: errors of the query, and its interruption.
_OF_A_QUERY = (
    "ParserException", "SyntaxException", "BinderException", "CatalogException",
    "PermissionException", "ConversionException", "OutOfRangeException", "TypeMismatchException",
    "NotImplementedException", "InvalidTypeException", "OutOfMemoryException", "InterruptException",
)  # fmt: skip


def _complaint(place: Place, error: Exception, *, own: bool) -> InputError | UsageError:
    """Return the exception for a query that failed; ``own``: it is the user's own.

    Raises InputError itself if a file is at fault, as DuckDB mostly does not say which one.
    """
    import duckdb

    if type(error).__name__ not in _OF_A_QUERY:
        _find_bad(place, place.committed())
    text = _first_line(error)
    if own and not isinstance(error, (duckdb.IOException, duckdb.OutOfMemoryException)):
        return UsageError(f"--sql: {text}")
    return InputError(f"{printable(place.name)}: {text}")
