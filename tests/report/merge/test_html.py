"""merge as a page: beside the list or instead of it."""

from __future__ import annotations

import pytest

from tests.support import markup
from tests.support.generations import generations


@pytest.fixture
def lists(tmp_path):
    return generations(tmp_path, [[1, 0x200, 0x99999999], [2, 0x200, 0x201]])


def test_who_knew_what(lists, cli):
    page = markup.page(cli("merge", *lists, "--provenance", "--format", "html").out)
    assert "5 PFNs, 1 duplicate dropped." in page.text
    assert page.rows("the numbers of the cases that list them") == [
        ["0x1", "1", "0"], ["0x2", "1", "1"], ["0x200", "1", "0, 1"], ["0x201", "1", "1"],
        ["0x99999999", "1", "0"],
    ]  # fmt: skip
    assert [row[2] for row in page.rows("The cases")] == ["3", "3"]


def test_what_the_map_leaves_out(lists, tmp_path, cli):
    iomem = tmp_path / "iomem"
    iomem.write_text("00001000-0009ffff : System RAM\n00100000-1fffffff : System RAM\n")
    page = markup.page(cli("merge", *lists, "--memmap", iomem, "--format", "html").out)
    (left,) = page.rows("Left out: 1 not-ram")
    assert left[:4] == ["0x99999999", "1", "4 KiB", "▲ not-ram"]
    assert [r[0] for r in page.rows("The merged list")] == ["0x1-0x2", "0x200-0x201"]


def test_the_list_is_the_same_beside_a_page(lists, tmp_path, cli):
    out = tmp_path / "page.html"
    assert cli("merge", *lists, "--format", f"html={out}") == cli("merge", *lists)
    known = tmp_path / "known.txt"
    assert cli("merge", *lists, "-o", known, "-f", "--format", f"html={out}").code == 0
    assert known.read_text() == cli("merge", *lists).out
    assert len(markup.page(out.read_text()).rows("The merged list")) == 3


def test_a_page_takes_the_place_of_the_list(lists, tmp_path, cli):
    out = tmp_path / "page.html"
    got = cli("merge", *lists, "--format", "html", "-o", out)
    assert (got.code, got.out) == (0, "")
    assert markup.page(out.read_text()).rows("The cases")
    refused = cli("merge", *lists, "--to", "csv", "--format", "html")
    assert (refused.code, refused.out) == (2, "")
    assert "a file (--format html=FILE)" in refused.err


def test_a_handover_beside_a_page(lists, tmp_path, cli):
    folder, out = tmp_path / "segments", tmp_path / "page.html"
    made = ["--to", "segments", "--at", "0x100000", "--no-scratch", "--arch", "arm64", "-f"]
    made += ["-o", str(folder), "--format", f"html={out}"]
    twice = [cli("merge", *lists, *made) for _ in range(2)]
    assert [got.err for got in twice if got.code] == []
    assert (folder / "handover.json").exists()
    assert out.exists()
