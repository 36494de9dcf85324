"""merge: unions of captures and lists, and what unions must obey."""

from __future__ import annotations

import json
from array import array

import captures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.codecs.pfnlist import build_text
from hwpkho.model.comparison import union

LISTS = st.lists(
    st.lists(st.integers(0, 99) | st.integers(0, 2**52), max_size=40).map(lambda x: array("Q", x)),
    min_size=1,
    max_size=4,
)


@pytest.fixture
def lists(tmp_path):
    """Return a function that writes lists and gives their paths."""

    def write(*contents: list[int]) -> list[str]:
        paths = []
        for number, pfns in enumerate(contents):
            path = tmp_path / f"list{number}.txt"
            path.write_text(build_text(pfns) or "# empty\n")
            paths.append(str(path))
        return paths

    return write


def test_captures_of_two_machines(capture, cli):
    names = ("x86-luo", "x86-structv1-small-post")
    result = cli("merge", "--json", *map(capture, names))
    assert result.code == 0, result.err
    want = set().union(*(captures.truth(n)["hwpoison_pfns"] for n in names))
    assert result.json["pfns"] == sorted(want)
    assert [c["entries"] for c in result.json["cases"]] == [14, 37]


def test_a_merged_handover_holds_the_merged_list(capture, tmp_path, cli):
    out = tmp_path / "merged.elf"
    result = cli(
        "merge", capture("x86-luo"), capture("x86-structv1-small"), "--to", "elf",
        "--ram", "0x10000000:16M", "--no-scratch", "-o", out,
    )  # fmt: skip
    assert result.code == 0, result.err
    listed = cli("merge", capture("x86-luo"), capture("x86-structv1-small")).out
    assert cli("decode", "--pfns", out).out == listed


def test_text_order_duplicates_and_exclusion(lists, cli):
    a, b, c = lists([9, 1, 1], [5, 9], [5])
    assert cli("merge", a, b).out == "0x1\n0x5\n0x9\n"
    assert "2 duplicates dropped" in cli("merge", a, b).err
    assert cli("merge", "--first-seen", a, b).out == "0x9\n0x1\n0x5\n"
    assert cli("merge", a, b, "--exclude", c).out == "0x1\n0x9\n"
    assert cli("merge", "--intersect", a, b).out == "0x9\n"


def test_provenance_is_text_that_reads_back_and_json(lists, cli):
    a, b = lists([1, 2, 3], [3, 4])
    text = cli("merge", "--provenance", a, b).out
    assert text == "0x1-0x2  # 0\n0x3  # 0 1\n0x4  # 1\n"
    told = cli("merge", "--provenance", "--json", a, b).json["provenance"]
    assert told == [
        {"first": 1, "last": 2, "cases": [0]},
        {"first": 3, "last": 3, "cases": [0, 1]},
        {"first": 4, "last": 4, "cases": [1]},
    ]


def test_with_a_map_only_what_replays_is_kept(lists, tmp_path, cli):
    iomem = tmp_path / "iomem"
    iomem.write_text("00100000-1fffffff : System RAM\n")
    (a,) = lists([0x10, 0x200, 0x999999])
    result = cli("merge", a, "--memmap", iomem)
    assert result.out == "0x200\n"
    assert "left out, not replaying" in result.err
    kept = cli("merge", a, "--memmap", iomem, "--keep-all", "--json").json
    assert kept["pfns"] == [0x10, 0x200, 0x999999]
    assert {r["first"]: r["verdict"] for r in kept["not_replaying"]}[0x999999] == "not-ram"


def test_what_replays_between_what_does_not_is_kept(lists, tmp_path, cli):
    iomem = tmp_path / "iomem"
    iomem.write_text("00100000-001fffff : System RAM\n00300000-003fffff : System RAM\n")
    (a,) = lists([0x150, 0x250, 0x350, 0x450])
    document = cli("merge", a, "--memmap", iomem, "--json").json
    assert document["pfns"] == [0x150, 0x350]
    assert [r["first"] for r in document["not_replaying"]] == [0x250, 0x450]


def test_nothing_is_overwritten_and_nothing_is_half_written(lists, tmp_path, cli):
    a, b = lists([1], [2])
    out = tmp_path / "out.txt"
    out.write_text("mine")
    result = cli("merge", a, b, "-o", out)
    assert (result.code, out.read_text()) == (2, "mine")
    result = cli("merge", a, tmp_path / "none", "-o", out, "--force")
    assert (result.code, out.read_text()) == (3, "mine")
    assert cli("merge", a, b, "-o", out, "--force").code == 0
    assert out.read_text() == "0x1\n0x2\n"


def test_page_sizes_convert_to_the_smallest(tmp_path, cli):
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 16384, "pfns": [1]}))
    small.write_text("0x20")
    result = cli("merge", large, small, "--json")
    assert (result.json["page_size"], result.json["pfns"]) == (4096, [4, 5, 6, 7, 0x20])
    assert "converted from pages of 16384 bytes to 4096" in result.err


def test_a_merged_document_is_an_input_again(lists, tmp_path, cli):
    a, b = lists([1, 2], [3])
    document = tmp_path / "merged.json"
    document.write_text(cli("merge", "--json", a, b).out)
    assert cli("diff", document, a, b, "--json").json["cases"][0]["pfns"] == 3


@given(LISTS)
def test_union_is_commutative_associative_and_idempotent(lists):
    whole = union(lists)
    assert union(lists[::-1]) == whole
    assert union([union(lists[:1]), *lists[1:]]) == whole
    assert union([whole, whole]) == whole
    assert list(whole) == sorted(set().union(*lists))


@given(LISTS)
def test_first_seen_keeps_the_order_and_loses_nothing(lists):
    merged = union(lists, in_order=True)
    flat = [p for x in lists for p in x]
    assert list(merged) == sorted(set(flat), key=flat.index)
    shared = union(lists, in_order=True, intersect=True)
    assert set(shared) == set.intersection(*(set(x) for x in lists))
    assert sorted(shared) == list(union(lists, intersect=True))
