"""Asks a data set by Spark SQL: the same SQL as DuckDB runs, with the same answers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from hwpkho.errors import UsageError
from hwpkho.fleet import identity, questions
from hwpkho.fleet.dialect import SPARK
from hwpkho.fleet.schema import SCHEMA, TABLES
from hwpkho.spark import stored
from hwpkho.spark.columns import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

    from hwpkho.fleet.schema import Table


def ask(
    spark: SparkSession,
    dataset: str | Mapping[Table, DataFrame],
    question: str | None = None,
    *,
    sql: str | None = None,
    since: str | datetime | None = None,
    host: str | None = None,
    max_pages: int | None = None,
) -> DataFrame:
    """Return the answer to a question of ``hwpkho fleet ask``, or to ``sql`` over its views.

    Args:
        spark: The session. Its views and settings stay as they are.
        dataset: Path or URL of a data set as Spark spells it, not a pattern; or the rows of
            ``hosts``, ``pages`` and ``findings``, as :func:`hwpkho.spark.cases` returns them.
        question: Name of the question; None with ``sql``.
        sql: A SELECT of your own instead.
        since: Only captures from this time on, ISO 8601; UTC if it has no offset.
        host: Only this host.
        max_pages: A limit in pages, for a question that needs one.

    Raises UsageError for an unknown question, parameters that do not go together, or rows without
    the tables' columns; InputError if there is no data set of this version or Spark cannot read it.
    """
    if (question is None) == (sql is None):
        raise UsageError("give either question or sql")
    given: dict[str, Any] = {}
    if question is not None:
        asked = questions.question(question)
        values = {"host": host, "since": _since(since), "max_pages": max_pages}
        questions.check(asked, values)
        text, names = SPARK.spelled(asked.sql)
        given = {name: values[name] for name in names}
    else:
        text = sql or ""
        if since is not None or host is not None or max_pages is not None:
            raise UsageError("since, host and max_pages are for a question, not for sql")
    files = _files(spark, dataset)
    frames: dict[str, Any] = {f"{table}_files": rows for table, rows in files.items()}
    # spark.sql() replaces {NAME} by the DataFrame of that name.
    parts = [f"{name} AS (TABLE {{{name}}})" for name in frames]
    parts += [f"{name} AS (\n{_plain(questions.view(name))}\n)" for name in questions.VIEWS]
    return spark.sql(f"WITH {', '.join(parts)}\n(\n{_plain(text)}\n)", args=given, **frames)


def _plain(sql: str) -> str:
    return sql.strip().rstrip(";").replace("{", "{{").replace("}", "}}")


def tables(rows: DataFrame) -> dict[Table, DataFrame]:
    """Split rows of the table ``all`` by table, also rows that were stored and read back."""
    if rows.schema["day"].dataType.typeName() != "date":  # only null days: Spark infers a string
        rows = rows.withColumn("day", rows["taken_at"].cast("date"))
    return {t: rows.where(rows["table"] == t).select(columns_of(t).names) for t in TABLES}


def views(spark: SparkSession, dataset: str | Mapping[Table, DataFrame]) -> None:
    """Make the temporary views ``hosts``, ``pages``, ``findings`` and ``changes`` in the session.

    Views with these names are replaced. ``dataset`` is as for :func:`ask`. Raises InputError if
    there is no data set of this version.
    """
    for table, frame in _files(spark, dataset).items():
        frame.createOrReplaceTempView(f"{table}_files")
    for name in questions.VIEWS:
        spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW {name} AS\n{questions.view(name)}")


def _since(since: str | datetime | None) -> str | None:
    if since is None:
        return None
    text = since.isoformat() if isinstance(since, datetime) else since
    try:
        return identity.time_text(identity.moment(text)).removesuffix("Z")
    except ValueError as error:
        raise UsageError(f"since: {error}") from error


def _files(spark: SparkSession, dataset: str | Mapping[Table, DataFrame]) -> dict[Table, DataFrame]:
    """Return the rows of each table that count, with their day, from storage or as given."""
    if not isinstance(dataset, str):
        return {table: _rows(table, dataset) for table in TABLES}
    return stored.rows(spark, dataset)


def _rows(table: Table, given: Mapping[Table, DataFrame]) -> DataFrame:
    """Return the given rows of a table with exactly its columns; raises UsageError if some lack."""
    if table not in given:
        raise UsageError(f"dataset: no rows of {table}; there must be {', '.join(TABLES)}")
    rows = given[table]
    if "day" not in rows.columns and "taken_at" in rows.columns:
        rows = rows.withColumn("day", rows["taken_at"].cast("date"))
    fields = columns_of(table)
    types = {f.name: f.dataType for f in rows.schema}
    for field in fields:
        if types.get(field.name) != field.dataType:
            found = types[field.name].simpleString() if field.name in types else "not there"
            wanted = field.dataType.simpleString()
            raise UsageError(
                f"dataset: column {field.name} of {table} is {found}; {SCHEMA} has it as {wanted}"
            )
    return rows.select(fields.names)
