"""Asks a data set by DuckDB, embedded: it reads the files, and writes nothing but its own temporary
ones where memory is short.
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

#: What DuckDB may take before it writes to temporary files: the process stays below 1 GiB.
_MEMORY = "700MiB"
_THREADS = 8
_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked.

    Attributes:
        question: Name of a question; None: ``sql``.
        sql: A query of the user's own.
        host: The host to ask about; None: all.
        since: Captures from this time on, UTC without a zone; None: all.
        max_pages: The limit of ``policy``.
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
    """An answer, of which the rows are still to come.

    Attributes:
        question: The question's name, or the query.
        columns: Names of the columns.
        connection: To DuckDB, which runs the query.
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
        """Return the answer to one more question, None for the same; of the same hosts and times.

        Raises InputError where it cannot be had.
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
        """Yield the rows; InputError where they cannot be had."""
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
        """Return the schema of the rows, and what yields them as Arrow's batches.

        Raises InputError, also while they come, where they cannot be had.
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
    """Yield the answer to a question.

    Raises UsageError for what is no question or no query, InputError where the data set cannot be
    read.
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
    """Raise UsageError where DuckDB is not installed."""
    try:
        import_module("duckdb")
    except ImportError as error:
        raise UsageError("needs pyarrow and duckdb: pip install 'hwpkho[fleet]'") from error


@contextmanager
def _connected(place: Place) -> Generator[DuckDBPyConnection]:
    """Yield a connection with the views of a data set, which reads nothing else."""
    needed()
    import duckdb

    places.opened(place, create=False)
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
            connection.execute("SET enable_progress_bar = false")  # it goes to standard output
            place.register(connection)
            try:
                _check(connection, place, files)
                _make_views(connection, place, files)
            except duckdb.Error as error:
                raise _complaint(place, error, own=False) from error
            yield connection


def _check(connection: DuckDBPyConnection, place: Place, files: dict[Table, list[str]]) -> None:
    """Raise InputError where a file is not of this version; one by one only where one is not."""
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
    """Raise InputError for a file that is damaged or of another version: by its end, then whole."""
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
        # Asked for by all others, and mostly empty.
        kind = "TABLE" if name == "superseded" else "VIEW"
        connection.execute(f"CREATE {kind} {name} AS {questions.view(name)}")


def _of_files(paths: Sequence[str]) -> str:
    return f"{_SELECT} FROM read_parquet([{', '.join(map(_quoted, paths))}], {_OPTIONS})"


#: A folder above the data set may be called region=eu: its names are no columns.
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
            _shut(connection, place)
        interruptible.run(connection, lambda: connection.execute(sql, given))
    except duckdb.Error as error:
        raise _complaint(place, error, own=own) from error
    columns = tuple(str(c[0]) for c in connection.description or ())
    twice = next((c for c in columns if columns.count(c) > 1), None) if own else None
    if twice is not None:  # an answer's row has each name once
        raise UsageError(f"--sql: two columns are called {printable(twice)[:60]}; name one with AS")
    return columns


def _shut(connection: DuckDBPyConnection, place: Place) -> None:
    """Let a query of the user's own read nothing but the data set."""
    files = [p for paths in place.committed().values() for p in paths]
    # What is read has to be allowed under its name, and as the pattern that the views have of it.
    paths = dict.fromkeys(named(p) for p in files for named in (place.url, place.in_sql))
    connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, paths))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def views(place: Place) -> Iterator[str]:
    """Yield SQL that makes the views of a data set in a plain ``duckdb``, whatever is added later.

    Raises InputError where there is no data set.
    """
    places.opened(place, create=False)
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


def _said(error: Exception) -> str:
    """Return DuckDB's first line, without where in the text it points to."""
    return printable(str(error).partition("\n")[0])[:300]


#: Errors for which no file is at fault, in DuckDB's names: of a query, and that it was stopped.
_OF_A_QUERY = (
    "ParserException", "SyntaxException", "BinderException", "CatalogException",
    "PermissionException", "ConversionException", "OutOfRangeException", "TypeMismatchException",
    "NotImplementedException", "InvalidTypeException", "OutOfMemoryException", "InterruptException",
)  # fmt: skip


def _complaint(place: Place, error: Exception, *, own: bool) -> InputError | UsageError:
    """Return what to raise for an error of a query, the user's own or not.

    Raises it itself where a file is at fault: DuckDB mostly does not say which.
    """
    import duckdb

    if type(error).__name__ not in _OF_A_QUERY:
        _find_bad(place, place.committed())
    text = _said(error)
    if own and not isinstance(error, (duckdb.IOException, duckdb.OutOfMemoryException)):
        return UsageError(f"--sql: {text}")
    return InputError(f"{printable(place.name)}: {text}")
