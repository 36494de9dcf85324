"""diff as a page: the same facts as in the document, and what is cut is said to be."""

from __future__ import annotations

import pytest

from hwpkho.report.html.blocks import MAX_ROWS
from tests.support import captures, markup
from tests.support.examples import much, some
from tests.support.generations import generations


def _page(cli, *args):
    got = cli("diff", *args, "--format", "html")
    assert got.code in (0, 1), got.err
    return markup.page(got.out)


def test_a_pair_says_what_was_lost_first(tmp_path, cli):
    paths = generations(tmp_path, ([1, 2, 3, 9], [2, 3, 4]))
    page = _page(cli, *paths)
    assert "2 removed, 1 added, 2 kept." in page.text
    (todo,) = page.text.split("What to do")[1:]
    assert "hwpkho merge BEFORE AFTER" in todo
    assert [r[0] for r in page.rows("2 PFNs removed")] == ["0x1", "0x9"]
    assert page.rows("1 PFN added")[0][:3] == ["0x4", "1", "4 KiB"]
    heads = [e.text for e in page.all("h2")]
    assert heads.index("Removed") < heads.index("Added")


def test_no_difference(tmp_path, cli):
    page = _page(cli, *generations(tmp_path, ([1, 2], [1, 2])))
    assert "fine No difference: 2 PFNs in both." in page.text
    assert "Nothing was removed." in page.text
    assert "What to do" not in page.text


def test_a_map_says_what_memory_is_there(tmp_path, cli):
    iomem = tmp_path / "iomem"
    iomem.write_text("00100000-1fffffff : System RAM\n")
    paths = generations(tmp_path, ([0x200, 0x999999], []))
    found = _page(cli, *paths, "--memmap", iomem).rows("2 PFNs removed")
    assert [r[3:] for r in found] == [
        ["LOST: known-bad memory, back in circulation", "System RAM"],
        ["never was RAM: nothing lost", ""],
    ]


def test_captures_over_a_kexec(capture, cli):
    pages = "x86-structv1-small", "x86-structv1-small-post"
    page = _page(cli, *map(capture, pages))
    count = len(captures.truth(pages[0])["hwpoison_pfns"])
    lists = page.rows("2 lists, in pages of 4 KiB")
    assert [row[3] for row in lists] == [str(count)] * 2
    assert [row[2] for row in lists] == sorted(row[2] for row in lists)


def test_a_chain_is_every_pages_life(tmp_path, cli):
    page = _page(cli, *generations(tmp_path))
    found = page.rows("and the lists that have them, losses first")
    assert found == [
        ["0x2", "1", "✕ lost", "listed", "listed", "✕ lost", ""],
        ["0x4", "1", "✕ appeared and lost", "", "● new", "listed", "✕ lost"],
        ["0x3", "1", "✕ came back", "listed", "✕ lost", "● new", "listed"],
        ["0x5", "1", "● appeared", "", "● new", "listed", "listed"],
        ["0x1", "1", "kept", "listed", "listed", "listed", "listed"],
    ]
    lists = page.rows("4 lists")
    assert [row[2:] for row in lists] == [
        ["3", "", ""], ["4", "✕ 1", "2"], ["4", "✕ 1", "1"], ["3", "✕ 1", "0"],
    ]  # fmt: skip


def test_a_chain_agrees_with_its_document(tmp_path, cli):
    paths = generations(tmp_path, [range(n, n + 40, n + 1) for n in range(5)])
    document = cli("diff", "--json", *paths).json
    wanted: dict[int, object] = {}
    for life in document["lives"]:
        run = range(life["first"], life["last"] + 1)
        wanted |= dict.fromkeys(run, (life["fate"], life["seen"]))
    found: dict[int, object] = {}
    for pfns, _, fate, *states in _page(cli, *paths).rows("losses first"):
        first, _, last = pfns.partition("-")
        seen = [state in ("listed", "● new") for state in states]
        run = range(int(first, 16), int(last or first, 16) + 1)
        found |= dict.fromkeys(run, (fate.lstrip("✕● "), seen))
    assert found == wanted


def test_a_chain_of_nothing(tmp_path, cli):
    page = _page(cli, *generations(tmp_path, ([], [], [])))
    assert "No PFNs at all." in page.text
    assert "No list has any page." in page.text


@pytest.mark.parametrize("lists", some([2, 3], 2))
def test_what_is_too_long_is_cut_and_says_so(lists, tmp_path, cli, monkeypatch):
    most = much(200, MAX_ROWS)
    monkeypatch.setattr("hwpkho.report.html.blocks.MAX_ROWS", most)
    paths = generations(tmp_path, (range(0, 2 * most + 8, 2), *[[]] * (lists - 1)))
    page = cli("diff", *paths, "--format", "html").out
    whole = cli("diff", "-v", *paths, "--format", "html").out
    assert whole.count("<tr>") - page.count("<tr>") == 4
    assert "4 more runs are not shown; --json and -v have all" in page
    assert "more runs are not shown" not in whole


def test_a_drawing_is_of_three_lists_or_more(tmp_path, cli):
    got = cli("diff", *generations(tmp_path, ([1], [2])), "--format", "svg")
    assert (got.code, got.out) == (2, "")
    assert got.err.endswith("hwpkho: --format svg draws three lists or more\n")
