"""Questions as Spark SQL: the answers of DuckDB, row by row and type by type."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hwpkho.errors import InputError, UsageError
from hwpkho.fleet import ask as by_duckdb
from hwpkho.fleet import places
from hwpkho.fleet.ask import Wanted
from hwpkho.fleet.questions import QUESTIONS
from hwpkho.fleet.schema import TABLES
from tests.support.fleet import manifest, mixed_night, with_gaps
from tests.support.made_fleet import Fleet

pytestmark = pytest.mark.spark
LIMIT: dict[str, dict[str, Any]] = {"policy": {"max_pages": 8}}
FIRST, SECOND = "2026-11-27T03:00:00Z", "2026-11-28T03:00:00Z"


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    return str(with_gaps(tmp_path_factory.mktemp("gaps") / "region=eu"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    dataset = tmp_path_factory.mktemp("made") / "d"
    Fleet(200, 4, seed=3, affected=0.3).store(dataset)
    return str(dataset)


def wanted(dataset, question=None, since=None, **given):
    """Return DuckDB's answer."""
    at = since and datetime.fromisoformat(since)
    with by_duckdb.ask(places.at(dataset), Wanted(question, since=at, **given)) as answer:
        schema, batches = answer.batches()
        return pa.Table.from_batches(list(batches), schema)


def held(found, told):
    assert (found.schema.names, found.schema.types) == (told.schema.names, told.schema.types)
    assert found.to_pylist() == told.to_pylist()
    return found.num_rows


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_duckdb(question, spark, gaps):
    from hwpkho.spark import ask

    given = LIMIT.get(question, {})
    assert held(ask(spark, gaps, question, **given).toArrow(), wanted(gaps, question, **given))


@pytest.mark.parametrize("question", ["repeat", "growing", "days"])
def test_answers_about_a_fleet(question, spark, made):
    from hwpkho.spark import ask

    assert held(ask(spark, made, question).toArrow(), wanted(made, question)) > 2


@pytest.mark.parametrize("question", ["days", "verdicts", "outcomes"])
def test_some_of_a_fleet(question, spark, gaps):
    from hwpkho.spark import ask

    since = "2025-12-01T03:00:00"
    every: list[dict[str, Any]] = [{"since": since}, {"host": "b"}, {"host": "nobody"}]
    for given in every:
        held(ask(spark, gaps, question, **given).toArrow(), wanted(gaps, question, **given))


def test_since_and_host(spark, gaps):
    """A session's zone changes nothing: times of a data set have none."""
    from hwpkho.spark import ask

    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        every: list[dict[str, Any]] = [
            {"since": "2025-12-01T03:00:00"},
            {"host": "b"},
            {"host": "' OR '1'='1"},
        ]
        for given in every:
            found = ask(spark, gaps, "worst", **given).toArrow()
            held(found, wanted(gaps, "worst", **given))
        assert found.num_rows == 0
    finally:
        spark.conf.unset("spark.sql.session.timeZone")


def test_rows_that_were_just_judged(spark, tmp_path, cli, subtests):
    """They are judged once and kept by Spark; a capture that comes twice counts once."""
    from hwpkho.spark import ask, cases, tables

    batch = mixed_night(tmp_path / "night")
    assert cli("fleet", "add", tmp_path / "d", "--batch", batch).code == 0
    kept = str(tmp_path / "kept")
    cases(spark, "all", manifest=str(batch)).write.partitionBy("table", "day").parquet(kept)
    frames = tables(spark.read.parquet(kept))
    for question in ("summary", "findings"):
        with subtests.test(question):
            told = wanted(str(tmp_path / "d"), question)
            assert held(ask(spark, frames, question).toArrow(), told)


def test_a_load_that_is_kept_twice_counts_once(spark, tmp_path):
    """As when a job is run again after it was committed."""
    from hwpkho.spark import ask, cases, tables

    lists = [("a", FIRST, "1-9\n"), ("a", SECOND, "1\n"), ("a", FIRST, "1-9\n")]
    batch = manifest(tmp_path, lists)
    kept = str(tmp_path / "kept")
    sql = "SELECT host, count(*) AS runs, sum(pages) AS pages FROM pages GROUP BY host"
    answers = []
    for _ in range(2):
        rows = cases(spark, "all", manifest=str(batch))
        rows.write.mode("append").partitionBy("table", "day").parquet(kept)
        frames = tables(spark.read.parquet(kept))
        counted = [r.asDict() for r in ask(spark, frames, sql=sql).collect()]
        asked = [ask(spark, frames, name).collect() for name in ("summary", "lost")]
        answers.append((counted, asked))
    assert answers[0] == answers[1]
    assert answers[0][0] == [{"host": "a", "runs": 2, "pages": 10}]


def test_the_same_rows_twice_replace_nothing(spark, tmp_path):
    """A part is not the later judgement of itself."""
    from hwpkho.spark import ask, cases, tables

    batch = manifest(tmp_path, [("a", FIRST, "1-9\n")])
    rows = cases(spark, "all", manifest=str(batch), added_at=SECOND)
    (told,) = ask(spark, tables(rows.union(rows)), "worst").collect()
    assert (told["host"], told["pages"]) == ("a", 9)


def test_the_later_judgement_counts(spark, tmp_path, cli):
    from hwpkho.spark import ask

    batch = manifest(tmp_path, [("a", FIRST, "1-9\n"), ("a", SECOND, "1\n")])
    for limit in (100, 5):
        cli("fleet", "add", tmp_path / "d", "--batch", batch, "--max-pages", limit)
    dataset = str(tmp_path / "d")
    assert held(ask(spark, dataset, "findings").toArrow(), wanted(dataset, "findings")) == 2


def test_rows_of_a_write_that_is_not_complete_do_not_count(spark, tmp_path, cli):
    from hwpkho.spark import ask

    batch = manifest(tmp_path, [("a", FIRST, "1-9\n"), ("a", SECOND, "1\n")])
    cli("fleet", "add", tmp_path / "d", "--batch", batch)
    (path,) = (tmp_path / "d" / "hosts").glob(f"day={FIRST[:10]}/*")
    path.unlink()
    sql = "SELECT host, pages FROM pages"
    dataset = str(tmp_path / "d")
    assert held(ask(spark, dataset, sql=sql).toArrow(), wanted(dataset, sql=sql)) == 1


def test_sql_and_views(spark, gaps):
    from hwpkho.spark import ask, views

    sql = "SELECT host, count(*) AS n, '{x}' AS x FROM hosts WHERE host < 'b' GROUP BY host;"
    held(
        ask(spark, gaps, sql=sql).sort("host").toArrow(),
        wanted(gaps, sql=f"{sql[:-1]} ORDER BY host"),
    )
    assert not spark.catalog.tableExists("hosts")
    views(spark, gaps)
    assert spark.sql("SELECT max(pages) FROM hosts").head()[0] == 40
    for name in ("hosts", "pages", "findings", "changes", "superseded"):
        spark.catalog.dropTempView(name)


def test_what_is_no_data_set(spark, gaps, tmp_path):
    from hwpkho.spark import ask

    with pytest.raises(InputError, match=r"no data set of hwpkho: it has no hwpkho-fleet\.json"):
        ask(spark, str(tmp_path), "summary")
    other = tmp_path / "other"
    shutil.copytree(gaps, other)
    (other / "hwpkho-fleet.json").write_text('{"schema": "hwpkho.fleet/9"}')
    with pytest.raises(InputError, match=r"is hwpkho\.fleet/9, this hwpkho reads"):
        ask(spark, str(other), "summary")
    (other / "hwpkho-fleet.json").write_text('{"schema": "hwpkho.fleet/1"}')
    for table in TABLES:
        shutil.rmtree(other / table)
    assert ask(spark, str(other), "summary").head()["hosts"] == 0


def test_no_character_of_a_path_stands_for_others(spark, gaps, tmp_path, subtests):
    from hwpkho.spark import ask

    other = tmp_path / "d1"
    shutil.copytree(gaps, other)
    (other / "hwpkho-fleet.json").write_text('{"schema": "hwpkho.fleet/9"}')
    for name in ("d?", "d[1]", "{d1,d2}", "d*", "d\\1", "d %31"):
        with subtests.test(name):
            shutil.copytree(gaps, tmp_path / name)
            dataset = str(tmp_path / name)
            assert held(ask(spark, dataset, "worst").toArrow(), wanted(dataset, "worst"))


def _as_duckdb_says(spark, dataset):
    """Return what is said of a data set, which both engines refuse for the same file."""
    from hwpkho.spark import ask

    with pytest.raises(InputError) as theirs:
        wanted(dataset, "summary")
    with pytest.raises(InputError) as ours:
        ask(spark, dataset, "summary")
    return str(ours.value).removeprefix("file:"), str(theirs.value)


@pytest.mark.parametrize("table", TABLES)
def test_a_file_of_another_version_is_refused(table, spark, gaps, tmp_path, subtests):
    dataset = tmp_path / "d"
    shutil.copytree(gaps, dataset)
    file = min((dataset / table).rglob("*.parquet"))
    rows = pq.ParquetFile(file).read()
    for schema in ("hwpkho.fleet/2", None):
        with subtests.test(str(schema)):
            metadata = {"hwpkho.schema": schema} if schema else None
            pq.write_table(rows.replace_schema_metadata(metadata), file)
            ours, theirs = _as_duckdb_says(spark, str(dataset))
            assert ours == theirs
            assert ("use the hwpkho that wrote it" in ours) == (schema is not None)
            assert "\n" not in ours


def test_a_damaged_file_is_named(spark, gaps, tmp_path):
    dataset = tmp_path / "d"
    shutil.copytree(gaps, dataset)
    file = min((dataset / "pages").rglob("*.parquet"))
    file.write_bytes(b"PAR1" * 9)
    said = _as_duckdb_says(spark, str(dataset))
    assert [text for text in said if str(file) not in text or "\n" in text] == []


def test_what_is_no_file_of_a_data_set_is_passed_over(spark, gaps, tmp_path):
    from hwpkho.spark import ask

    dataset = tmp_path / "d"
    shutil.copytree(gaps, dataset)
    day = next((dataset / "hosts").iterdir())
    for name in ("README.txt", "_started.parquet", ".x.parquet"):
        (day / name).write_text("x")
    held(ask(spark, str(dataset), "summary").toArrow(), wanted(str(dataset), "summary"))


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("nosuch://x/y", 'No FileSystem for scheme "nosuch"'),
        ("hdfs://nowhere.invalid:1/y", "nowhere.invalid"),
    ],
)
def test_what_spark_cannot_reach_is_said_in_a_line(dataset, said, spark):
    from hwpkho.spark import ask

    with pytest.raises(InputError) as found:
        ask(spark, dataset, "summary")
    assert str(found.value).startswith(f"{dataset}: ")
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_a_folder_that_spark_does_not_take_is_said_in_a_line(spark, gaps, tmp_path):
    from hwpkho.spark import ask

    dataset = tmp_path / "d"
    shutil.copytree(gaps, dataset)
    day = next((dataset / "hosts").glob("day=2*"))
    shutil.copytree(day, dataset / "hosts" / "night=1")
    with pytest.raises(InputError, match=r"Conflicting partition column names") as found:
        ask(spark, str(dataset), "summary")
    assert "\n" not in str(found.value)


def test_what_is_no_question(spark, gaps, subtests):
    from hwpkho.spark import ask

    every: list[tuple[dict[str, Any], str]] = [
        ({"question": "x"}, "no question 'x'; there are: summary"),
        ({}, "give either question or sql"),
        ({"question": "policy"}, "policy needs max_pages"),
        ({"question": "lost", "since": "now"}, "since: now: expected ISO 8601"),
        ({"sql": "SELECT 1", "host": "x"}, "are for a question, not for sql"),
    ]
    for given, said in every:
        with subtests.test(said), pytest.raises(UsageError, match=said):
            ask(spark, gaps, **given)
    with pytest.raises(UsageError, match="dataset: no rows of pages"):
        ask(spark, {"hosts": spark.read.parquet(f"{gaps}/hosts")}, "summary")
    with pytest.raises(UsageError, match="column case_id of hosts is not there"):
        ask(spark, dict.fromkeys(TABLES, spark.range(1)), "summary")
