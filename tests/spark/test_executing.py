"""What executors make of cases: the rows that fleet add makes, wherever the cases are."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from typing import Any

import pytest

from hwpkho.batch import pool
from hwpkho.fleet.judging import Work
from hwpkho.fleet.schema import TABLES
from hwpkho.spark import executing, listing, options
from hwpkho.spark.layout import ALL
from hwpkho.spark.planning import plan
from tests.support.examples import much
from tests.support.fleet import manifest, mixed_night, rows

NIGHT = "2026-11-28T03:00:00Z"
#: The write that a row came with is another one; all else is the same.
OF_A_WRITE = ("part", "added_at")


def judged(folder, retried=False, **given):
    """Return the rows of each table as Spark gets them, and the tasks."""
    settings = options.read(given)
    maps = listing.maps(settings)
    tasks = list(plan(listing.cases(settings), settings.bounds))
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for number, task in enumerate(tasks):
        disk = folder / f"disk-{number}"
        disk.mkdir(parents=True)
        cases = list(executing.judged(settings, maps, 1, task, disk, retried=retried))
        shutil.rmtree(disk)
        for table in TABLES:
            for batch in executing.batches(cases, table):
                found[table] += batch.to_pylist()
    return found


def plain(table_rows):
    """Return rows as they are compared: in an order, without what only their write says."""
    kept = [{k: v for k, v in row.items() if k not in OF_A_WRITE} for row in table_rows]
    return sorted(kept, key=lambda row: json.dumps(row, default=str))


@pytest.fixture(scope="module")
def nightly(tmp_path_factory):
    return mixed_night(tmp_path_factory.mktemp("cases") / "nightly")


def test_rows_are_those_of_fleet_add(nightly, tmp_path, cli, subtests):
    assert cli("fleet", "add", tmp_path / "d", "--batch", nightly).code == 0
    ours = judged(tmp_path, manifest=str(nightly), cases_per_task="4")
    twice = {row["part"] for row in ours["hosts"] if row["host"] == "a"}
    assert len(twice) == 2  # added once; of these the views count one
    for table in TABLES:
        with subtests.test(table):
            theirs = rows(tmp_path / "d", table)
            for row in theirs:
                row["day"] = row["taken_at"] and row["taken_at"].date()
                if row.get("error"):  # the option has the name that its user gives
                    row["error"] = row["error"].replace("--outside", "the option outside")
            assert plain(r for r in ours[table] if r["part"] != max(twice)) == plain(theirs)
    errors = {row["host"] for row in ours["hosts"] if row["error"]}
    assert {"c", "t", "gone", "out", "abs", "opt", "map", "based", "line 17"} <= errors
    said = {row["host"]: row["error"] for row in ours["hosts"]}
    allowed = "; the option outside allows that"
    assert [said[host] for host in ("out", "abs") if not said[host].endswith(allowed)] == []


def test_what_a_file_is_called_is_not_reworded(tmp_path):
    name = "--outside allows that"
    (tmp_path / "batch.jsonl").write_text(json.dumps({"host": "a", "inputs": [name]}) + "\n")
    (row,) = judged(tmp_path, manifest=str(tmp_path / "batch.jsonl"))["hosts"]
    assert f"/{name}: " in row["error"]


def test_cases_at_a_url_are_the_same(nightly, tmp_path, subtests):
    """They are copied to the executor, and what is said of them names the URL."""
    here = judged(tmp_path / "here", manifest=str(nightly))
    there = judged(tmp_path / "there", manifest=f"local://{nightly}")
    above = nightly.parent.parent.parent
    for table in TABLES:
        with subtests.test(table):
            for row, other in zip(here[table], there[table], strict=True):
                for name in ("error", "remark"):
                    if row.get(name) and "fleet.jsonl: line" not in row[name]:
                        named = row[name].replace(f"{nightly.parent}/../..", str(above))
                        row[name] = named.replace(f"{above}/", f"file://{above}/")
                if table == "hosts" and row["content_hash"] is None:  # they rest on what is said
                    for found in (row, other):
                        del found["judgement"], found["part"]
            assert here[table] == there[table]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "local://"])
def test_another_attempt_makes_the_same_rows(kind, nightly, tmp_path):
    given = {"manifest": f"{kind}{nightly}"}
    first = judged(tmp_path / "1", **given)
    assert judged(tmp_path / "elsewhere" / "2", retried=True, **given) == first


def test_tasks_make_no_difference(nightly, tmp_path):
    first = judged(tmp_path / "1", manifest=str(nightly))
    assert judged(tmp_path / "2", manifest=str(nightly), cases_per_task="3") == first


@pytest.mark.slow
def test_a_case_that_kills_its_process_is_a_row(nightly, tmp_path):
    """The task fails once; when it is tried again each case has a process of its own."""
    settings = options.read({"manifest": str(nightly)})
    jobs = [sized.job for sized in listing.cases(settings)][:3]
    settings = replace(settings, work=Deadly(settings.work.options, settings.work.accepted))
    found = list(executing.judged(settings, (), 1, jobs, tmp_path, retried=True))
    assert [row.host["host"] for row in found] == ["a", "b", "c"]
    assert [row.host["error"] == pool.DIED for row in found] == [False, True, False]


class Deadly(Work):
    """One of the cases kills the process that judges it."""

    def judge_case(self, job, common):
        if job.case.startswith("b"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().judge_case(job, common)


def test_all_tables_at_once(nightly, tmp_path, subtests):
    settings = options.read({"manifest": str(nightly)})
    jobs = [sized.job for sized in listing.cases(settings)]
    cases = list(executing.judged(settings, (), 1, jobs, tmp_path, retried=False))
    together = [row for batch in executing.batches(cases, ALL) for row in batch.to_pylist()]
    for table in TABLES:
        with subtests.test(table):
            alone = [row for batch in executing.batches(cases, table) for row in batch.to_pylist()]
            rows = [row for row in together if row["table"] == table]
            assert [{name: row[name] for name in alone[0]} for row in rows] == alone
            others = set(together[0]) - set(alone[0]) - {"table"}
            assert {row[name] for row in rows for name in others} == {None}


def test_a_case_with_many_runs_fills_several_batches(tmp_path):
    count = much(70_000, 200_000)
    text = "".join(f"{pfn}\n" for pfn in range(0x40000, 0x40000 + 2 * count, 2))
    batch = manifest(tmp_path, [("a", NIGHT, text), ("b", NIGHT, "1\n")])
    settings = options.read({"manifest": str(batch)})
    jobs = [sized.job for sized in listing.cases(settings)]
    cases = executing.judged(settings, (), 1, jobs, tmp_path, retried=False)
    sizes = [batch.num_rows for batch in executing.batches(cases, "pages")]
    assert sum(sizes) == count + 1
    assert max(sizes) <= 1 << 16
