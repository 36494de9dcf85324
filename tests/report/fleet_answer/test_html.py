"""Answers of a data set as a page: its numbers are those of the documents."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from hwpkho.fleet.questions import QUESTIONS, Question
from hwpkho.report.html.blocks import MAX_ROWS
from tests.support import certain, markup
from tests.support.examples import much, some
from tests.support.fleet import manifest
from tests.support.made_fleet import Fleet


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet") / "d"
    Fleet(400, 5, seed=3, affected=0.2).store(folder)
    return folder


@pytest.fixture
def page(cli):
    """Return a function that gives the page of an answer."""

    def make(dataset, question, *args):
        if question == "policy":
            args = (*args, "--max-pages", 8)
        got = cli("fleet", "ask", dataset, question, *args, "--format", "html")
        assert got.code == 0, got.err
        return markup.page(got.out)

    return make


@pytest.fixture(scope="module")
def summary(dataset, cli):
    got = cli("fleet", "ask", dataset, "summary", "--format", "html")
    assert got.code == 0, got.err
    return markup.page(got.out)


@pytest.mark.parametrize("question", some([q for q in QUESTIONS if q != "summary"], 12))
def test_a_page_has_the_rows_of_the_document(question, dataset, page, cli):
    limit = ["--max-pages", 8] if question == "policy" else []
    rows = cli("fleet", "ask", dataset, question, "--json", *limit).json["rows"]
    found = page(dataset, question).rows(f": {len(rows)} row")
    wanted = [
        [
            "" if v is None else hex(v) if k.endswith("pfn") else str(v)
            for k, v in row.items()
        ]
        for row in rows
    ]  # fmt: skip
    assert found == wanted


def test_a_page_says_where_the_sums_of_the_inputs_are(summary, cli):
    line = certain(
        re.search("SHA-256 of each capture's inputs.*: (hwpkho fleet ask .* hosts')", summary.text)
    )
    program, *args = shlex.split(line[1])
    assert program == "hwpkho"
    rows = cli(*args, "--json").json["rows"]
    assert len(rows) == 2000
    assert {*rows[0]} == {"host", "taken_at", "content_hash"}


def test_a_summary_is_a_page_of_plots_with_tables(dataset, summary, cli):
    (row,) = cli("fleet", "ask", dataset, "summary", "--json").json["rows"]
    assert f"400 hosts, 2000 captures: {row['pages']} bad pages on" in summary.text
    plots = [e.attrib["id"] for e in summary.all("title") if "id" in e.attrib]
    questions = {name.partition("-plot-")[0] for name in plots}
    assert questions == {"days", "worst", "growing", "outcomes", "verdicts", "findings"}
    assert len(summary.rows("day by day: 5 rows")) == 5
    worst = cli("fleet", "ask", dataset, "worst", "--json").json["rows"]
    assert f"{worst[0]['host']}: {worst[0]['pages']} pages" in summary.text


@pytest.mark.slow
def test_what_narrows_a_question_narrows_all_of_the_page(dataset, page, cli):
    host = cli("fleet", "ask", dataset, "worst", "--json").json["rows"][0]["host"]
    got = page(dataset, "summary", "--host", host)
    assert "1 host, 5 captures" in got.text
    assert [r[0] for r in got.rows("Hosts by their bad pages: 1 row")] == [host]
    other = {f"host-{n:06}" for n in range(400)} - {host}
    assert not [name for name in other if name in got.text]


@pytest.mark.slow
def test_a_question_is_a_line_of_the_table(dataset, page, cli, monkeypatch):
    class Toy(Question):
        sql = QUESTIONS["policy"].sql

    toys = (
        Toy("toy", "toys", ("max_pages",), row="bear", bad="error"),
        Toy("toys", "two questions", then=("worst", "toy")),
    )
    for toy in toys:
        monkeypatch.setitem(QUESTIONS, toy.name, toy)
    refused = cli("fleet", "ask", dataset, "toy")
    assert (refused.code, "toy needs --max-pages" in refused.err) == (2, True)
    count = len(cli("fleet", "ask", dataset, "toy", "--max-pages", 8, "--json").json["rows"])
    got = page(dataset, "toy", "--max-pages", 8)
    assert f"error {count} bears: toys" in got.text
    both = page(dataset, "toys", "--max-pages", 8)
    assert (len(both.rows("Toys: ")), len(both.rows("Hosts by ")) > 0) == (count, True)
    other = cli("fleet", "ask", dataset, "lost", "--max-pages", 8).err
    assert "--max-pages is for policy or toy or toys" in other


def test_a_query_of_ones_own(dataset, cli):
    sql = "SELECT release, count(*) AS n FROM hosts GROUP BY release ORDER BY release"
    rows = cli("fleet", "ask", dataset, "--sql", sql, "--json").json["rows"]
    got = markup.page(cli("fleet", "ask", dataset, "--sql", sql, "--format", "html").out)
    assert got.rows("3 rows") == [[row["release"], str(row["n"])] for row in rows]
    assert sql in got.text
    refused = cli("fleet", "ask", dataset, "--sql", sql, "--format", "svg")
    assert (refused.code, refused.out) == (2, "")
    assert "this answer has no plot" in refused.err


@pytest.mark.parametrize("question", some(list(QUESTIONS), 4))
def test_an_empty_data_set(question, tmp_path, page):
    (tmp_path / "hwpkho-fleet.json").write_text('{"schema": "hwpkho.fleet/1"}')
    got = page(tmp_path, question)
    assert "Nothing." in got.text
    if question == "lost":
        assert "fine Nothing: pages that a list had before a kexec" in got.text


def test_a_long_answer_is_cut_and_drawn_whole(tmp_path, cli, monkeypatch):
    most = much(200, MAX_ROWS)
    monkeypatch.setattr("hwpkho.report.fleet_answer.html.MAX_ROWS", most)
    gone = "".join(f"{n:#x}\n" for n in range(0, 2 * most + 8, 2))
    cases = [("a", "2026-11-20T03:00:00Z", gone), ("a", "2026-11-21T03:00:00Z", "# none\n")]
    got = cli("fleet", "add", tmp_path / "d", "--batch", manifest(tmp_path, cases))
    assert got.code == 0, got.err
    shown = cli("fleet", "ask", tmp_path / "d", "lost", "--format", "html").out
    assert f": {most + 4} rows" in shown
    assert shown.count("<tr>") < most + 9
    assert "4 more rows are not shown; --csv has all" in shown
    assert f"2026-11-21: {most + 4}" in shown


def test_the_drawing_alone(dataset, tmp_path, cli):
    out = tmp_path / "fleet.svg"
    rows = cli("fleet", "ask", dataset, "worst", "--json")
    beside = cli("fleet", "ask", dataset, "worst", "--json", "--format", f"svg={out}")
    assert beside == rows
    host = json.loads(rows.out)["rows"][0]["host"]
    assert host in markup.picture(out.read_text()).text
