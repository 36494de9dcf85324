"""list as a page: runs, kinds and DIMMs as the document has them."""

from __future__ import annotations

import pytest

from hwpkho.report.html.blocks import MAX_ROWS
from tests.support import FIXTURES, markup
from tests.support.examples import much
from tests.support.generations import generations

LOG = FIXTURES / "neighbours" / "dmesg-hwpoison" / "01.txt"
EDAC = FIXTURES / "neighbours" / "edac-dmesg" / "01.txt"


@pytest.fixture
def page(cli):
    """Return a function that gives the page of what list is given."""

    def make(*args):
        got = cli("list", *args, "--format", "html")
        assert got.code == 0, got.err
        return markup.page(got.out)

    return make


def test_each_run_and_who_says_so(page, cli):
    document = cli("list", LOG, "--json").json
    wanted = {(e["first"], e["kind"], e["when"], e["where"]) for e in document["entries"]}
    rows = page(LOG).rows("2 runs, in pages of 4 KiB")
    found = {(int(r[0], 16), r[3].removeprefix("✕ "), r[4], r[5]) for r in rows}
    assert found == wanted
    assert page(LOG).rows("By kind") == [["poisoned", "1"], ["uncorrected", "1"]]


def test_the_dimm_to_replace_stands_first(page, tmp_path):
    (bad,) = generations(tmp_path, [[0xEE30A0, 0xEE30A1, 0xEE30A5]])
    got = page("--dimms", bad, EDAC)
    assert got.rows("Bad pages by DIMM") == [
        ["unknown", "-", "-", "-", "2"],
        ["CPU_SrcID#1_Ha#0_Chan#0_DIMM#0", "-", "-", "decoded", "1"],
    ]
    assert len(got.rows("of pages on one DIMM")) == 3
    assert next(e.text for e in got.all("h2")) == "DIMMs"


def test_a_list_of_nothing(page, tmp_path):
    paths = generations(tmp_path, [[]])
    got = page(*paths)
    assert "0 bad pages, 0 B." in got.text
    assert "None of the inputs names a bad page." in got.text
    assert "There is no bad page to place." in page("--dimms", *paths).text


def test_a_long_list_is_cut_and_says_so(tmp_path, cli, monkeypatch):
    most = much(200, MAX_ROWS)
    monkeypatch.setattr("hwpkho.report.list.html.MAX_ROWS", most)
    paths = generations(tmp_path, [range(0, 2 * most + 8, 2)])
    got = cli("list", *paths, "--format", "html").out
    whole = cli("list", *paths, "-v", "--format", "html").out
    assert whole.count("<tr>") - got.count("<tr>") == 4
    assert f"These are the first {most} of {most + 4} runs; --json and -v" in got
    assert "These are the first" not in whole


def test_a_page_beside_what_is_written(tmp_path, cli):
    paths, out = generations(tmp_path, [[1, 2]]), tmp_path / "page.html"
    plain = cli("list", *paths, "--to", "memmap")
    got = cli("list", *paths, "--to", "memmap", "--format", f"html={out}")
    assert got == plain
    assert markup.page(out.read_text()).rows("1 run, in pages")[0][:2] == ["0x1-0x2", "2"]
    assert cli("list", *paths, "--to", "memmap", "--format", "html").code == 2
