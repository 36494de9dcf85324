"""The questions' SQL says what engines take for granted differently."""

from __future__ import annotations

import duckdb
import pytest

from hwpkho.fleet import ask, places
from hwpkho.fleet.dialect import DUCKDB, SPARK
from hwpkho.fleet.questions import QUESTIONS
from hwpkho.fleet.schema import TABLES
from tests.support.examples import some
from tests.support.fleet import with_gaps

TYPES = {"VARCHAR", "BIGINT", "BOOLEAN", "DATE", "TIMESTAMP"}


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    """The views of a data set whose rows lack what may be lacking."""
    return "".join(ask.views(places.at(str(with_gaps(tmp_path_factory.mktemp("gaps") / "d")))))


@pytest.fixture(scope="module")
def connected(gaps):
    with duckdb.connect() as made:
        made.execute(gaps)
        yield made


@pytest.fixture
def connection(connected):
    yield connected
    connected.execute("RESET default_null_order")


def answer(connection, name):
    sql, names = DUCKDB.spelled(QUESTIONS[name].sql)
    return connection.execute(sql, {n: 0 if n == "max_pages" else None for n in names})


@pytest.mark.parametrize("name", some(QUESTIONS, 6))
def test_where_nulls_stand_is_said(name, connection):
    """Spark has them first, DuckDB last."""
    rows = answer(connection, name).fetchall()
    assert rows
    connection.execute("SET default_null_order = 'NULLS_FIRST'")
    assert rows == answer(connection, name).fetchall()


@pytest.mark.parametrize("name", some(QUESTIONS, 3))
def test_types_are_those_of_both(name, connection):
    """A sum is HUGEINT where nothing says otherwise, which Spark has not."""
    assert {str(c[1]) for c in answer(connection, name).description} <= TYPES


@pytest.mark.parametrize("table", TABLES)
def test_no_rows_have_the_columns(table):
    with duckdb.connect() as made:
        found = made.execute(DUCKDB.empty(table))
        assert [c[0] for c in found.description] == [c.name for c in TABLES[table]]
        assert found.fetchall() == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_spark_has_parameters_of_a_type(name):
    sql, names = SPARK.spelled(QUESTIONS[name].sql)
    assert "CAST(:host AS STRING)" in sql
    assert "CAST(:since AS TIMESTAMP_NTZ)" in sql
    assert names == {"host", "since", *QUESTIONS[name].needs}
