"""Who knew what of a page: in a merged document, in its text, in what merge writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import provenance
from hwpkho.badpages.kinds import KINDS
from hwpkho.badpages.model import BadPages, Mention
from hwpkho.badpages.sets import histories
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import pfn_set
from tests.support import provoking, schemas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

    Cli = Callable[..., Result]

LOG = """\
[   10.500000] Memory failure: 0x100: recovery action for dirty LRU page: Recovered
[   11.000000] Memory failure: 0x101: recovery action for dirty LRU page: Recovered
"""


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """A log, a command line and a plain list."""
    paths = [tmp_path / name for name in ("log", "cmdline", "plain")]
    texts = (LOG, "memmap=8K$0x101000\n", "0x101 0x103")
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_text_says_who_knew_what(cli: Cli, sources: list[Path]) -> None:
    got = cli("merge", "--provenance", *sources)
    assert got.code == 0
    assert got.out.splitlines() == [
        "0x100  # 0; 0 poisoned boot+10.500000",
        "0x101  # 0 1 2; 0 poisoned boot+11.000000; 1 excluded",
        "0x102  # 1; 1 excluded",
        "0x103  # 2",
    ]
    (sources[0].parent / "merged").write_text(got.out)
    again = cli("list", "--pfns", sources[0].parent / "merged")
    assert again.out.split() == ["0x100", "0x101", "0x102", "0x103"]


def test_the_document_says_it_too(cli: Cli, sources: list[Path]) -> None:
    got = cli("merge", "--provenance", "--json", *sources).json
    schemas.check(got, "merge")
    names = ("case", "first", "last", "kind", "when", "where")
    assert [tuple(e[name] for name in names) for e in got["entries"]] == [
        (0, 0x100, 0x100, "poisoned", "boot+10.500000", "line 1"),
        (0, 0x101, 0x101, "poisoned", "boot+11.000000", "line 2"),
        (1, 0x101, 0x102, "excluded", None, "line 1"),
        (2, 0x101, 0x101, None, None, None),
        (2, 0x103, 0x103, None, None, None),
    ]
    assert [e["source"] for e in got["entries"]] == [str(sources[n]) for n in (0, 0, 1, 2, 2)]
    assert cli("merge", "--json", *sources).json["entries"] is None


@pytest.mark.parametrize("form", ["json", "csv"])
def test_forms_with_a_place_for_it_carry_it(form: str, cli: Cli, sources: list[Path]) -> None:
    got = cli("merge", *sources, "--to", form)
    assert got.code == 0, got.err
    if form == "csv":
        assert f"256,256,poisoned,boot+10.500000,{sources[0]},line 1" in got.out
        assert f"257,258,excluded,,{sources[1]},line 1" in got.out
        return
    assert {(e["first"], e["kind"]) for e in got.json["entries"]} == {
        (0x100, "poisoned"), (0x101, "poisoned"), (0x101, "excluded"), (0x101, None), (0x103, None),
    }  # fmt: skip
    (sources[0].parent / "merged.json").write_text(got.out)
    again = cli("list", "--json", sources[0].parent / "merged.json").json
    key = str
    assert sorted(again["entries"], key=key) == sorted(got.json["entries"], key=key)


def test_what_is_left_out_is_in_no_entry(cli: Cli, sources: list[Path]) -> None:
    got = cli("merge", *sources, "--exclude", sources[2], "--to", "json").json
    assert got["pfns"] == [0x100, 0x102]
    assert [(e["first"], e["last"]) for e in got["entries"]] == [(0x100, 0x100), (0x102, 0x102)]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("HP615", "warning: one source calls the memory of 1 page bad, another only reports"),
        ("HP616", "note: sources give 1 page different kinds"),
    ],
)
def test_disagreement_is_said(code: str, says: str, cli: Cli, tmp_path: Path) -> None:
    got = cli("merge", *provoking.MERGED[code](tmp_path))
    assert got.code == 0
    (line,) = [line for line in got.err.splitlines() if f"({code})" in line]
    assert says in line
    assert "0x5000" in line


def test_sources_that_agree_or_complete_each_other_are_none(cli: Cli, sources: list[Path]) -> None:
    found = cli("merge", "--json", *sources, sources[0]).json["problems"]
    assert {p["code"] for p in found} == {"HP614"}


MENTIONS = st.lists(
    st.builds(
        lambda a, n, kind, when: Mention(a, a + n, kind, when, "x", None),
        st.integers(0, 30),
        st.integers(0, 9),
        st.sampled_from([*KINDS[:4], None]),
        st.none() | st.sampled_from(["boot+1.0", "boot+2.0"]),
    ),
    max_size=6,
)


@given(st.lists(MENTIONS, min_size=1, max_size=4))
def test_every_page_is_told_once_with_its_cases(cases: list[list[Mention]]) -> None:
    lists = [
        BadPages(f"c{n}", of_runs((m.first, m.last) for m in said), 4096, mentions=said)
        for n, said in enumerate(cases)
    ]
    sets = [pfn_set(x.pfns) for x in lists]
    whole = pfn_set(of_runs(r for s in sets for r in s))
    known = provenance.entries(lists, whole)
    told = list(provenance.commented(histories(sets), known))
    pages = [p for a, b, _ in told for p in range(a, b + 1)]
    assert pages == [p for a, b in whole for p in range(a, b + 1)]
    for first, last, comment in told:
        numbers, *words = comment.split("; ")
        for page in (first, last):
            assert numbers == " ".join(str(n) for n, s in enumerate(sets) if page in s)
            for text in words:
                case, *said = text.split()
                of_page = [m for m in cases[int(case)] if m.first <= page <= m.last]
                assert said in [[w for w in (m.kind, m.when) if w] for m in of_page]
            listed = {n for n, s in enumerate(sets) if page in s}
            for n in listed - {int(text.split()[0]) for text in words}:
                assert any(m.kind is m.when is None for m in cases[n] if m.first <= page <= m.last)
