"""hwpkho fleet ask and shell: what the questions answer, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sys
from datetime import datetime
from itertools import pairwise

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.fleet import questions
from hwpkho.fleet.questions import QUESTIONS
from tests.support import forked, schemas
from tests.support.examples import crossed, much, some, times
from tests.support.fleet import manifest
from tests.support.made_fleet import Fleet

NIGHTS = [f"2026-11-2{n}T03:00:00Z" for n in range(1, 9)]
HOST = "web-1"
HOSTS, DAYS = much(100, 400), 5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A fleet that is made up, and its data set."""
    fleet = Fleet(HOSTS, DAYS, seed=3, affected=0.2)
    dataset = tmp_path_factory.mktemp("made") / "d"
    fleet.store(dataset)
    return fleet.answers(), dataset


def ask(cli, dataset, *args):
    got = cli("fleet", "ask", dataset, *args, "--json")
    assert got.code == 0, got.err
    assert got.err == ""
    return got.json["rows"]


def stored(folder, cli, cases, **more):
    got = cli("fleet", "add", folder / "d", "--batch", manifest(folder, cases, **more))
    assert got.code == 0, got.err
    return folder / "d"


def compared(rows, wanted):
    keys = list(wanted[0]) if wanted else []
    return sorted(str([row[k] for k in keys]) for row in rows)


@pytest.mark.parametrize("question", some([q for q in QUESTIONS if q != "findings"], 12))
def test_answers_are_those_of_the_model(question, made, cli):
    answers, dataset = made
    wanted = answers[question]
    assert wanted
    rows = ask(cli, dataset, question, *(["--max-pages", 64] if question == "policy" else []))
    assert compared(rows, wanted) == compared(wanted, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("question", [q for q in QUESTIONS if q != "findings"])
def test_answers_of_ten_thousand_hosts(question, cli, tmp_path_factory):
    dataset = tmp_path_factory.getbasetemp() / "ten-thousand"
    fleet = Fleet(10_000, 7)
    if not dataset.exists():
        fleet.store(dataset)
    wanted = fleet.answers()[question]
    rows = ask(cli, dataset, question, *(["--max-pages", 64] if question == "policy" else []))
    assert compared(rows, wanted) == compared(wanted, wanted)
    cost = forked.run("fleet", "ask", dataset, question, *(
        ["--max-pages", 64] if question == "policy" else []))  # fmt: skip
    assert cost.peak < 1 << 30


def test_the_document(made, cli):
    got = cli("fleet", "ask", made[1], "worst", "--json").json
    schemas.check(got, "fleet-answer")
    assert got["schema"] == "hwpkho.fleet-answer/1"
    assert got["question"] == "worst"


@pytest.mark.parametrize("question", some(list(QUESTIONS), 8))
def test_columns_are_those_of_the_schema(question, made, cli):
    about = json.loads(cli("schema", "fleet-answer").out)["properties"]["rows"]["description"]
    name = "lost and new" if question in ("lost", "new") else question
    told = re.sub(r" \([^)]*\)", "", about.partition(f" {name}: ")[2].partition(".")[0])
    limit = ["--max-pages", 64] if question == "policy" else []
    columns = cli("fleet", "ask", made[1], question, "--csv", *limit).out.splitlines()[0]
    assert columns.split(",") == told.split(", ")


def test_a_text_of_nothing(made, cli):
    got = cli("fleet", "ask", made[1], "--sql", "SELECT '' AS none, 1 AS one")
    assert (got.code, got.out) == (0, "none  one\n        1\n")


@pytest.mark.slow
def test_forms_agree(made, cli, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    rows = ask(cli, made[1], "lost")
    assert list(csv.DictReader(io.StringIO(cli("fleet", "ask", made[1], "lost", "--csv").out))) == [
        {k: "" if v is None else str(v) for k, v in row.items()} for row in rows
    ]
    out = tmp_path / "lost.parquet"
    assert cli("fleet", "ask", made[1], "lost", "--parquet", "-o", out).code == 0
    table = pq.read_table(out).to_pylist()
    assert [r["first_pfn"] for r in table] == [r["first_pfn"] for r in rows]
    assert all(isinstance(r["before"], datetime) for r in table)
    text = cli("fleet", "ask", made[1], "lost").out.splitlines()
    assert text[0].split() == list(rows[0])
    assert [line.split()[3] for line in text[1:]] == [f"{r['first_pfn']:#x}" for r in rows]
    assert cli("fleet", "ask", made[1], "lost", "--limit", 2).out.splitlines() == [
        line.rstrip() for line in text[:3]
    ]


@pytest.mark.slow
def test_a_file_is_not_overwritten(made, cli, tmp_path):
    out = tmp_path / "x.json"
    out.write_text("mine")
    assert cli("fleet", "ask", made[1], "worst", "--json", "-o", out).code == 2
    assert out.read_text() == "mine"
    assert cli("fleet", "ask", made[1], "worst", "--json", "-o", out, "--force").code == 0
    assert json.loads(out.read_text())["question"] == "worst"


# What each question means


def test_lost_and_new(tmp_path, cli):
    dataset = stored(tmp_path, cli, [
        (HOST, NIGHTS[0], "0x100-0x1ff\n0x300\n"), (HOST, NIGHTS[1], "0x110-0x11f\n0x180-0x200\n"),
        ("other", NIGHTS[0], "0x500\n"), ("other", NIGHTS[1], "0x500\n"),
    ])  # fmt: skip
    common = {"host": HOST, "before": NIGHTS[0], "after": NIGHTS[1]}

    def row(first, last):
        changed = {"first_pfn": first, "last_pfn": last, "pages": last - first + 1}
        return {**common, **changed, "page_size": 4096, "kexecs": None}

    lost = [row(0x100, 0x10F), row(0x120, 0x17F), row(0x300, 0x300)]
    assert ask(cli, dataset, "lost") == lost
    assert ask(cli, dataset, "new") == [row(0x200, 0x200)]
    assert ask(cli, dataset, "lost", "--since", NIGHTS[1], "--host", HOST) == lost
    assert ask(cli, dataset, "lost", "--since", "2026-11-23") == []
    assert ask(cli, dataset, "lost", "--host", "other") == []


def test_a_list_that_cannot_be_read_has_lost_nothing(tmp_path, cli):
    dataset = stored(tmp_path, cli, [
        (HOST, NIGHTS[0], "1\n2\n"), (HOST, NIGHTS[1], "no list"), (HOST, NIGHTS[2], "2\n"),
    ])  # fmt: skip
    (row,) = ask(cli, dataset, "lost")
    assert (row["before"], row["after"], row["first_pfn"]) == (NIGHTS[0], NIGHTS[2], 1)


@pytest.mark.slow
def test_an_empty_list_has_lost_all(tmp_path, cli):
    dataset = stored(tmp_path, cli, [(HOST, NIGHTS[0], "1-3\n"), (HOST, NIGHTS[1], "# none\n")])
    (row,) = ask(cli, dataset, "lost")
    assert (row["first_pfn"], row["last_pfn"], row["pages"]) == (1, 3, 3)


@pytest.mark.slow
def test_captures_of_one_boot_are_not_across_a_kexec(tmp_path, cli):
    cases = [(HOST, NIGHTS[0], "1-3\n"), (HOST, NIGHTS[1], "1\n")]
    assert ask(cli, stored(tmp_path, cli, cases, boot_id="b"), "lost") == []


@pytest.mark.slow
def test_captures_of_one_moment_are_one(tmp_path, cli):
    dataset = stored(tmp_path, cli, [
        (HOST, NIGHTS[0], "1-5\n"), (HOST, NIGHTS[0], "3\n"), (HOST, NIGHTS[1], "1-2\n4\n"),
        (HOST, NIGHTS[1], "3\n"),
    ])  # fmt: skip
    (row,) = ask(cli, dataset, "lost")
    assert (row["first_pfn"], row["last_pfn"]) == (5, 5)
    assert ask(cli, dataset, "new") == []


def test_page_sizes_are_converted(tmp_path, cli):
    codes = []
    for night, size, text in ((0, 65536, "0x10\n"), (1, 4096, "0x100-0x105\n")):
        (tmp_path / str(night)).mkdir()
        batch = manifest(tmp_path / str(night), [(HOST, NIGHTS[night], text)])
        added = cli("fleet", "add", tmp_path / "d", "--batch", batch, "--page-size", size)
        codes.append(added.code)
    assert codes == [0, 0]
    (row,) = ask(cli, tmp_path / "d", "lost")
    assert (row["first_pfn"], row["last_pfn"], row["page_size"]) == (0x106, 0x10F, 4096)


@pytest.mark.slow
def test_pfns_at_the_end(tmp_path, cli, subtests):
    """Nothing overflows."""
    dataset = stored(tmp_path, cli, [
        (HOST, NIGHTS[0], f"1\n{2**52 - 1:#x}\n{2**63 - 1:#x}\n{2**64 - 1:#x}\n"),
        (HOST, NIGHTS[1], f"{2**52 - 1:#x}\n"),
    ])  # fmt: skip
    for question in QUESTIONS:
        with subtests.test(question):
            ask(cli, dataset, question, *(["--max-pages", 0] if question == "policy" else []))
    assert ask(cli, dataset, "lost")[0]["first_pfn"] == 1


def test_what_comes_again(tmp_path, cli):
    dataset = stored(tmp_path, cli, [
        (HOST, NIGHTS[n], text) for n, text in enumerate(["1-9\n", "1\n", "1\n3-4\n", "1\n3-9\n"])
    ])  # fmt: skip
    rows = ask(cli, dataset, "repeat")
    assert [(r["what"], r["first_pfn"], r["last_pfn"], r["before"], r["after"]) for r in rows] == [
        ("page", 3, 4, NIGHTS[1], NIGHTS[2]), ("page", 5, 9, NIGHTS[1], NIGHTS[3]),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_later_judgement_counts(tmp_path, cli):
    batch = manifest(tmp_path, [(HOST, NIGHTS[0], "1-9\n")])
    for limit in (100, 5):
        cli("fleet", "add", tmp_path / "d", "--batch", batch, "--max-pages", limit)
    (row,) = ask(cli, tmp_path / "d", "summary")
    assert (row["cases"], row["pages"]) == (1, 9)
    assert "HP701" in [r["code"] for r in ask(cli, tmp_path / "d", "findings")]
    sql = "SELECT count(*) AS n, sum(pages) AS pages FROM pages"
    assert ask(cli, tmp_path / "d", "--sql", sql) == [{"n": 1, "pages": 9}]


def test_rows_of_a_write_that_is_not_complete_do_not_count(tmp_path, cli):
    dataset = stored(tmp_path, cli, [(HOST, NIGHTS[0], "1\n")])
    (path,) = (dataset / "hosts").glob("*/*")
    path.unlink()
    assert ask(cli, dataset, "--sql", "SELECT * FROM pages") == []
    assert ask(cli, dataset, "findings") == []


def test_unsafe_and_policy(tmp_path, cli, capture):
    """An emptied handover is not replayed; its list cannot be read."""
    line = {"host": "a", "taken_at": NIGHTS[0], "inputs": [str(capture("x86-empty-post"))]}
    (tmp_path / "m.jsonl").write_text(json.dumps(line))
    got = cli("fleet", "add", tmp_path / "d", "--batch", tmp_path / "m.jsonl", "--outside")
    assert got.code == 0
    said = cli("validate", "--json", capture("x86-empty-post")).json
    (row,) = ask(cli, tmp_path / "d", "unsafe")
    assert (row["host"], row["taken_at"], row["outcome"], row["code"]) == (
        "a", NIGHTS[0], said["outcome"], said["decided_by"]["code"],
    )  # fmt: skip


RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=6)


@pytest.mark.slow
@times(0.2)
@given(st.lists(RUNS, min_size=2, max_size=4))
def test_changes_are_those_of_sets(tmp_path_factory, captures):
    import hwpkho.fleet.places as places
    from hwpkho.fleet import add
    from hwpkho.fleet.ask import Wanted
    from hwpkho.fleet.ask import ask as asked
    from hwpkho.fleet.known import Known
    from tests.support import made_fleet

    sets = [frozenset(p for a, n in runs for p in range(a, a + n + 1)) for runs in captures]
    place = places.at(str(tmp_path_factory.mktemp("sets") / "d"))
    places.ensure(place, create=True)
    writer = add._Writer(place, Known(place))
    made = [
        made_fleet.Capture("h", n, str(n), n, "r", made_fleet._runs(pages), crashes=False,
                           serials=tuple("0123456789abcdef"))
        for n, pages in enumerate(sets)
    ]  # fmt: skip
    writer.take([made_fleet._rows(c) for c in made])
    writer.flush()
    for question, change in (("lost", lambda a, b: a - b), ("new", lambda a, b: b - a)):
        wanted = [
            run
            for before, after in pairwise(sets)
            for run in made_fleet._runs(change(before, after))
        ]
        with asked(place, Wanted(question)) as answer:
            assert [row[3:5] for row in answer.rows()] == wanted


# The user's own SQL


def test_sql(made, cli):
    rows = ask(cli, made[1], "--sql", "SELECT count(*) AS n, max(pages) AS most FROM hosts;")
    assert rows[0]["n"] == HOSTS * DAYS
    one = "SELECT 1.5 AS a, 'x' AS b, NULL AS c, [1, 2] AS d, {'e': DATE '2026-01-02'} AS f"
    assert ask(cli, made[1], "--sql", one) == [
        {"a": 1.5, "b": "x", "c": None, "d": [1, 2], "f": {"e": "2026-01-02"}}
    ]


def test_what_else_sql_may_answer(made, cli):
    """Empty texts, numbers below zero."""
    got = cli("fleet", "ask", made[1], "--sql", "SELECT '' AS a, -5 AS b UNION ALL SELECT 'x', 17")
    assert (got.code, sorted(got.out.splitlines())) == (0, ["   -5", "a   b", "x  17"]), got.err


@pytest.mark.parametrize("form", some([[], ["--json"], ["--csv"]], 3))
def test_two_columns_of_one_name(form, made, cli):
    """A document would have one of them."""
    got = cli("fleet", "ask", made[1], "--sql", "SELECT 1 AS a, 2 AS a", *form)
    assert (got.code, got.out) == (2, "")
    assert got.err == "hwpkho: --sql: two columns are called a; name one with AS\n"


@pytest.mark.parametrize(
    "sql",
    some([
        "", ";", "nonsense", "SELECT nothing FROM hosts", "SELECT 1; SELECT 2",
        "COPY hosts TO 'x.csv'", "CREATE TABLE x AS SELECT 1", "DROP VIEW hosts",
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')", "ATTACH 'x.db'", "INSTALL httpfs",
        "SET memory_limit = '1TB'", "PRAGMA database_list", "SELECT getenv('HOME')",
        "SELECT \x1b[2J", "SELECT CAST('x' AS INT)",
    ], 5),
)  # fmt: skip
def test_sql_that_is_refused(sql, made, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    got = cli("fleet", "ask", made[1], "--sql", sql)
    assert (got.code, got.out) == (2, "")
    assert got.err.startswith("hwpkho: --sql: ")
    assert got.err.count("\n") == 1
    assert "\x1b" not in got.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", some(["'; DROP VIEW hosts; --", "a'b", "$host", "%", "a\\b"], 5))
def test_sql_in_names(host, tmp_path, cli):
    folder = tmp_path / "d'[*]?"
    folder.mkdir()
    dataset = stored(folder, cli, [(host, NIGHTS[0], "1\n"), ("b", NIGHTS[0], "1-2\n")])
    shown = ask(cli, dataset, "--sql", "SELECT host FROM hosts WHERE host <> 'b'")[0]["host"]
    assert [r["pages"] for r in ask(cli, dataset, "worst", "--host", shown)] == [1]


@pytest.mark.slow
def test_a_folder_above_that_looks_like_a_partition(tmp_path, cli):
    folder = tmp_path / "host=evil" / "day=2020-01-01"
    folder.mkdir(parents=True)
    dataset = stored(folder, cli, [(HOST, NIGHTS[0], "1\n")])
    (row,) = ask(cli, dataset, "--sql", "SELECT host, day FROM hosts")
    assert row == {"host": HOST, "day": NIGHTS[0][:10]}


@pytest.mark.parametrize(
    ("name", "kind"),
    crossed(["d?", "d[1]", "d*", "{d1,d2}", "d\\1", "[d]1"], ["", "local://"], 6),
)
def test_no_character_of_a_path_stands_for_others(kind, name, tmp_path, cli):
    codes = []
    for folder, pages in (("d1", "1-9\n"), (name, "1\n")):
        batch = manifest(tmp_path, [(HOST, NIGHTS[0], pages)])
        to = f"{kind}{tmp_path}/{folder}"
        codes.append(cli("fleet", "add", to, "--batch", batch, "--jobs", 1).code)
    assert codes == [0, 0]
    dataset = f"{kind}{tmp_path}/{name}"
    (row,) = ask(cli, dataset, "summary")
    assert (row["cases"], row["pages"]) == (1, 1)
    assert ask(cli, dataset, "--sql", "SELECT pages FROM hosts") == [{"pages": 1}]
    if not kind and "\\" not in name:  # which DuckDB takes for a slash in patterns
        sql = cli("fleet", "shell", dataset).out
        with duckdb.connect() as plain:
            plain.execute(sql)
            assert plain.execute("SELECT pages FROM hosts").fetchall() == [(1,)]


@pytest.mark.slow
def test_text_of_a_data_set_that_others_wrote_is_escaped(tmp_path, cli, subtests):
    dataset = stored(tmp_path, cli, [(HOST, NIGHTS[0], "1\n")])
    (path,) = (dataset / "hosts").glob("*/*")
    table = pq.read_table(path, partitioning=None)
    at = table.schema.get_field_index("host")
    evil = table.set_column(at, table.schema.field(at), pa.array(["\x1b[2J\n\u202e"]))
    pq.write_table(evil.replace_schema_metadata({"hwpkho.schema": "hwpkho.fleet/1"}), path)
    for form in ([], ["--csv"], ["--json"]):
        with subtests.test(str(form)):
            out = cli("fleet", "ask", dataset, "worst", *form).out
            assert "\x1b" not in out
            assert "\u202e" not in out


# Data sets that are none, and files that are not ours


def test_usage(made, cli, tmp_path):
    def complaint(*args, code=2):
        got = cli("fleet", "ask", *args)
        assert (got.code, got.out) == (code, "")
        assert got.err.count("\n") == 1
        return got.err

    dataset = made[1]
    assert "no QUESTION given; there are: summary, lost" in complaint(dataset)
    assert "no question 'loss'" in complaint(dataset, "loss")
    assert f"before the question: fleet ask {dataset} lost" in complaint("lost", dataset)
    assert "either QUESTION or --sql" in complaint(dataset, "lost", "--sql", "SELECT 1")
    assert "needs --max-pages" in complaint(dataset, "policy")
    assert "--max-pages is for policy" in complaint(dataset, "lost", "--max-pages", 1)
    assert "--since: soon: expected ISO 8601" in complaint(dataset, "lost", "--since", "soon")
    assert "--host is for a QUESTION" in complaint(dataset, "--sql", "SELECT 1", "--host", "a")
    assert "one of --json" in complaint(dataset, "lost", "--json", "--csv")
    assert "is no data set" not in complaint(dataset, "lost", "--force")
    assert "fleet add makes one" in complaint(tmp_path / "x", "lost", code=3)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_an_empty_data_set(tmp_path, cli, subtests):
    (tmp_path / "hwpkho-fleet.json").write_text('{"schema": "hwpkho.fleet/1"}')
    for question in QUESTIONS:
        with subtests.test(question):
            limit = ["--max-pages", 1] if question == "policy" else []
            rows = ask(cli, tmp_path, question, *limit)
            assert len(rows) == (question == "summary")
    assert cli("fleet", "ask", tmp_path, "lost").out == "nothing\n"
    assert cli("fleet", "shell", tmp_path).code == 0


@pytest.mark.parametrize(
    ("table", "how"),
    crossed(["hosts", "pages"], ["truncated", "foreign", "version", "columns", "fifo"], 5),
)
def test_files_that_are_none_of_ours(table, how, tmp_path, cli):
    dataset = stored(tmp_path, cli, [(HOST, NIGHTS[0], "1\n"), ("b", NIGHTS[1], "1\n")])
    path = sorted((dataset / table).glob("*/*"))[1]
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    elif how == "foreign":
        pq.write_table(pa.table({"case_id": ["x"]}), path)
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path)
    else:
        read = pq.read_table(path, partitioning=None)
        version = "hwpkho.fleet/9" if how == "version" else "hwpkho.fleet/1"
        read = read.drop_columns(["page_size"]) if how == "columns" else read
        pq.write_table(read.replace_schema_metadata({"hwpkho.schema": version}), path)
    got = cli("fleet", "ask", dataset, "lost")
    assert (got.code, got.out) == (3, "")
    assert str(path) in got.err
    assert got.err.count("\n") == 1
    assert ("this hwpkho reads" if how == "version" else "move it out") in got.err


@pytest.mark.parametrize(
    ("asked", "form"),
    crossed([["new"], ["--sql", "SELECT * FROM pages"]], [[], ["--json"], ["--parquet"]], 2),
)
def test_a_file_with_a_damaged_page_is_named(asked, form, tmp_path, cli):
    """Its end is as it was: DuckDB notices on the way, and does not say where."""
    dataset = stored(tmp_path, cli, [(HOST, NIGHTS[0], "1\n"), (HOST, NIGHTS[1], "2\n")])
    path = sorted((dataset / "pages").glob("*/*"))[1]
    data = bytearray(path.read_bytes())
    for at in range(4, len(data) // 3):
        data[at] ^= 0x5A
    path.write_bytes(data)
    out = [*form, "-o", tmp_path / "out"]
    got = cli("fleet", "ask", dataset, *asked, *out)
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert f"hwpkho: {path}: not a whole Parquet file" in got.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_other_files_beside_ours_are_left_alone(tmp_path, cli):
    dataset = stored(tmp_path, cli, [(HOST, NIGHTS[0], "1\n")])
    (day,) = (dataset / "hosts").iterdir()
    (day / "README").write_text("hello")
    (day / "_temporary.parquet").write_text("hello")
    (dataset / "hosts" / "day=elsewhere").mkdir()
    (dataset / "hosts" / "day=elsewhere" / "x.parquet").write_text("hello")
    (row,) = ask(cli, dataset, "summary")
    assert row["cases"] == 1


def test_without_the_extra(made, cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    got = cli("fleet", "ask", made[1], "lost")
    assert (got.code, got.out) == (2, "")
    assert got.err == "hwpkho: needs pyarrow and duckdb: pip install 'hwpkho[fleet]'\n"


# shell


@pytest.mark.slow
def test_the_views_in_a_plain_duckdb(tmp_path, cli):
    folder = tmp_path / "a'b[c]"
    folder.mkdir()
    dataset = stored(folder, cli, [(HOST, NIGHTS[0], "1-2\n"), (HOST, NIGHTS[1], "1\n")])
    got = cli("fleet", "shell", dataset)
    with duckdb.connect() as plain:
        plain.execute(got.out)
        (row,) = plain.execute("SELECT host, first_pfn FROM ask_lost").fetchall()
        assert row == (HOST, 2)
        for name in QUESTIONS:
            if not QUESTIONS[name].needs:
                plain.execute(f"SELECT * FROM ask_{name}").fetchall()
        stored(folder, cli, [(HOST, NIGHTS[2], "# none\n")])  # it goes on from there
        assert len(plain.execute("FROM ask_lost").fetchall()) == 2
        (path,) = (dataset / "hosts" / f"day={NIGHTS[2][:10]}").iterdir()
        shutil.rmtree(path.parent)
        assert len(plain.execute("FROM ask_lost").fetchall()) == 1


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_says_what_it_is_and_names_no_engine(name):
    text = QUESTIONS[name].sql
    assert text.startswith("-- ")
    assert "$" not in text
    assert "::" not in text
    plain, names = questions.spelled(text, "<{}>".format)
    assert names == {"host", "since", *QUESTIONS[name].needs}
    assert ":" not in plain
