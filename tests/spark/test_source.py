"""The data source: the rows that fleet add writes, by Spark's executors."""

from __future__ import annotations

import os
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hwpkho.errors import InputError, UsageError
from hwpkho.fleet import places
from hwpkho.fleet.ask import Wanted, ask
from hwpkho.fleet.schema import METADATA_KEY, SCHEMA, TABLES
from tests.support import ROOT
from tests.support.fleet import manifest, mixed_night

pytestmark = pytest.mark.spark
NIGHT = "2026-11-28T03:00:00Z"
OF_A_WRITE = ("part", "added_at")


@pytest.fixture(scope="module")
def nightly(tmp_path_factory):
    return mixed_night(tmp_path_factory.mktemp("cases") / "nightly")


@pytest.fixture(scope="module")
def added(nightly, tmp_path_factory, cli):
    """What DuckDB reads of the data set of the same cases."""
    dataset = tmp_path_factory.mktemp("added") / "d"
    assert cli("fleet", "add", dataset, "--batch", nightly).code == 0
    found = {}
    for table in TABLES:
        with ask(places.at(str(dataset)), Wanted(sql=f"SELECT * FROM {table}")) as answer:
            schema, batches = answer.batches()
            found[table] = pa.Table.from_batches(list(batches), schema)
    return found


def named(rows):
    """Return rows of the command line with the names that Spark's options have."""
    return [
        {
            k: v.replace("--outside", "the option outside") if k == "error" and v else v
            for k, v in row.items()
        }
        for row in rows
    ]


def plain(rows, but=OF_A_WRITE):
    return sorted(str({k: v for k, v in row.items() if k not in but}) for row in rows)


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_types_are_those_of_duckdb(table, spark, nightly, added):
    from hwpkho.spark import cases

    frame = cases(spark, table, manifest=str(nightly), cases_per_task=4)
    found, wanted = frame.toArrow(), added[table]
    assert found.schema.names == wanted.schema.names
    assert found.schema.types == wanted.schema.types
    rows = found.to_pylist()
    parts = {row["part"] for row in rows if row["host"] == "a"}
    assert len(parts) == 2  # it comes twice and is added once
    theirs = plain(named(wanted.to_pylist()))
    assert plain(r for r in rows if r["part"] != max(parts)) == theirs
    assert {f.metadata[METADATA_KEY] for f in frame.schema} == {SCHEMA}
    assert frame.rdd.getNumPartitions() == 5


def test_cases_at_a_url(spark, nightly, added, disk):
    """They are copied to the executor, and removed."""
    from hwpkho.spark import cases

    frame = cases(spark, "pages", manifest=f"local://{nightly}", cases_per_task=4)
    rows = frame.dropDuplicates(["case_id", "first_pfn"]).toArrow().to_pylist()
    assert plain(rows) == plain(added["pages"].to_pylist())
    assert frame.limit(1).count() == 1
    assert disk() == []


def test_a_frame_has_the_same_rows_each_time(spark, nightly):
    """Also ``part`` and ``added_at``, however often it is planned; another load has others."""
    from hwpkho.spark import cases, tables

    frames = [tables(cases(spark, "all", manifest=str(nightly))) for _ in range(2)]
    first, again, other, pages = (
        rows.select("part").toArrow()["part"].to_pylist()
        for rows in (frames[0]["hosts"], frames[0]["hosts"], frames[1]["hosts"], frames[0]["pages"])
    )
    assert first == again
    assert set(pages) <= set(first)
    assert not set(first) & set(other)


def test_a_worker_that_is_killed_in_the_middle(spark, nightly, tmp_path):
    from hwpkho.spark import HwpkhoCases, cases

    class Killed(HwpkhoCases):
        @classmethod
        def name(cls):
            return "killed"

        def reader(self, schema):
            reader = super().reader(schema)
            reader.read = partial(mortal, reader.read)
            return reader

    once = str(tmp_path / "once")

    def mortal(read, partition):
        for batch in read(partition):
            yield batch
            if not Path(once).exists():
                Path(once).touch()
                os.kill(os.getpid(), signal.SIGKILL)

    given = {"manifest": str(nightly), "casesPerTask": "4", "added_at": NIGHT}
    spark.dataSource.register(Killed)
    found = spark.read.format("killed").options(table="pages", **given).load().toArrow().to_pylist()
    assert (tmp_path / "once").exists()
    assert found == cases(spark, "pages", **given).toArrow().to_pylist()


def test_a_host_with_many_pages(spark, tmp_path):
    from hwpkho.spark import cases

    many = "".join(f"{pfn}\n" for pfn in range(0, 400_000, 2))
    batch = manifest(tmp_path, [("a", NIGHT, many), *((f"h{n}", NIGHT, "1\n") for n in range(9))])
    frame = cases(spark, "pages", manifest=str(batch), cases_per_task=3)
    assert frame.groupBy("host").count().where("host = 'a'").collect()[0][1] == 200_000
    assert frame.count() == 200_009


def test_the_day_of_a_partition(spark, nightly, tmp_path):
    from hwpkho.spark import cases

    cases(spark, "hosts", manifest=str(nightly)).write.partitionBy("day").parquet(
        str(tmp_path / "hosts")
    )
    assert {p.name for p in (tmp_path / "hosts").glob("day=*")} == {
        "day=2026-11-28", "day=__HIVE_DEFAULT_PARTITION__",
    }  # fmt: skip


def test_what_the_page_says(spark, tmp_path):
    """docs/spark.md from cases to answers; the bucket is a folder."""
    from hwpkho.spark import ask, tables

    bucket = tmp_path / "bucket"
    bucket.mkdir()
    batch = manifest(bucket, [("a", NIGHT, "1-2\n"), ("a", "2026-11-29T03:00:00Z", "1\n")])
    batch.rename(bucket / "nightly.jsonl")
    page = (ROOT / "docs" / "spark.md").read_text("utf-8")
    blocks = re.findall(r"^```py\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    text = "\n".join(blocks).replace("s3://bucket", f"local://{bucket}")
    known: dict[str, Any] = {}
    exec(text.replace("s3a://bucket", str(bucket)), known)
    assert known["pages"].count() == 2
    kept = tables(spark.read.parquet(f"{bucket}/fleet"))
    assert [r["first_pfn"] for r in ask(spark, kept, "lost").collect()] == [2]


def test_what_is_wrong_is_said_in_a_line(spark, nightly, tmp_path, subtests):
    from hwpkho.spark import HwpkhoCases, cases

    with pytest.raises(UsageError, match=r"^option max_pages cannot be \"x\": expected a wh"):
        cases(spark, manifest=str(nightly), max_pages="x")
    for given in ({"manifest": "/gone"}, {"manifest": str(nightly), "memmap": "/gone"}):
        what = r"^/gone: No such file or directory$"
        with subtests.test(" ".join(given)), pytest.raises(InputError, match=what):
            cases(spark, **given)
    spark.dataSource.register(HwpkhoCases)
    for given, said in (
        ({"tabel": "x"}, "UsageError: no option tabel; there are: table, "),
        ({"path": str(tmp_path / "gone")}, "InputError: "),
        ({"path": "nosuch://x"}, "UsageError: nosuch://x: "),
    ):
        with subtests.test(said), pytest.raises(Exception, match=said):
            spark.read.format("hwpkho").options(**given).load().count()
    with pytest.raises(Exception, match="UsageError: the tables have columns of their own"):
        spark.read.format("hwpkho").schema("a INT").load(str(nightly)).count()
