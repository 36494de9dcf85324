"""Verdicts on every real capture against its kernel's page flags and log; the page that says so."""

from __future__ import annotations

import pytest

from tests.support import captures, verdict_table

#: Where the log differs, and docs/verdicts.md says why.
EXPLAINED = {
    ("x86-luo", 0x1010),
    ("x86-structv1-small-post", 0xCBD),
    ("x86-fdtv1-small-post", 0xD20),
    ("arm64-4k-fdtv1-gen2", 0x40210),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return verdict_table.rows(tmp_path_factory.mktemp("verdicts"))


def test_page_flags_agree(rows):
    assert [(r.capture, r.maps, r.flags) for r in rows if r.flags] == []
    assert sum(sum(r.verdicts.values()) for r in rows) > 100_000


def test_log_agrees_but_for_what_is_explained(rows):
    assert {(r.capture, pfn) for r in rows for pfn in r.log} == EXPLAINED
    explanations = verdict_table.PAGE.read_text().partition(verdict_table.END)[2]
    named = [f"{name}, 0x{pfn:x}" for name, pfn in EXPLAINED]
    assert [page for page in named if page not in explanations] == []


@pytest.mark.parametrize("name", captures.NAMES)
def test_maps_agree_with_each_other(name, rows):
    mine = [r for r in rows if r.capture == name and not r.refused]
    assert mine
    assert all(r.verdicts == mine[0].verdicts and r.outcome == mine[0].outcome for r in mine)


def test_page_is_up_to_date(rows):
    same = verdict_table.page(rows) == verdict_table.PAGE.read_text()
    assert same, "run: python -m tests.support.verdict_table"


def test_the_running_kernel_s_text_is_the_next_one_s_memory(cli, capture):
    args = ("validate", "--json", capture("x86-luo"), "--memmap",
            captures.CAPTURES / "x86-luo" / "iomem.txt")  # fmt: skip

    def verdict(*options):
        runs = cli(*args, *options).json["runs"]
        return next(r["verdict"] for r in runs if r["first"] <= 0x1010 <= r["last"])

    assert verdict() == "replays"
    assert verdict("--iomem-of", "next") == "in-use"
