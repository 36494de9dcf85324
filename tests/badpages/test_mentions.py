"""Who named which pages, as columns."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import collector, entries_text, mentions
from hwpkho.badpages.collector import Collector
from hwpkho.badpages.kinds import KINDS
from hwpkho.badpages.model import Mention
from hwpkho.badpages.registry import Asked
from tests.support.examples import times

_SAID = st.tuples(
    st.integers(0, 5),
    st.integers(0, 2),
    st.sampled_from(KINDS[:2]),
    st.sampled_from([None, "boot+1.0"]),
    st.sampled_from([None, "line 3", "row "]),
    st.integers(-1, 2),
)


@given(st.lists(_SAID, max_size=12))
def test_each_is_kept_once_as_it_was_named_first(said) -> None:
    found = Collector("x", "text", Asked())
    first: dict[tuple[int, int, str], Mention] = {}
    for pfn, more, kind, when, where, number in said:
        found.pages(pfn, pfn + more, kind, when=when, where=where, number=number)
        place = where if number < 0 else f"{where}{number}"
        first.setdefault((pfn, pfn + more, kind), Mention(pfn, pfn + more, kind, when, "x", place))
    got = found.finish()
    assert sorted(got.mentions) == sorted(first.values())
    assert [m[:2] for m in got.mentions] == sorted(m[:2] for m in got.mentions)
    assert set(got.pfns) == {p for m in got.mentions for p in range(m.first, m.last + 1)}


_MENTION = st.builds(
    lambda first, more, kind: Mention(first, first + more, kind, where="line 1"),
    st.integers(0, 30),
    st.integers(0, 1),
    st.sampled_from([None, *KINDS[:1]]),
)


@given(st.lists(_MENTION, max_size=12), st.integers(0, 12))
def test_columns_are_what_they_were_made_of(rows, cut) -> None:
    made = mentions.joined([mentions.of(rows[:cut]), mentions.of(rows[cut:])])
    assert list(made) == rows
    assert [made[n] for n in range(len(made))] == rows
    assert list(made[1:]) == rows[1:]
    assert list(made.ascending()) == sorted(rows, key=lambda m: m[:2])


@given(st.lists(_MENTION, max_size=12))
def test_runs_are_single_pages_of_which_the_same_is_said(rows) -> None:
    made = mentions.of(rows).ascending()
    starts = [*made.run_starts(), len(made)]
    assert starts[0] == 0
    for here in range(1, len(made)):
        one, other = made[here - 1], made[here]
        joined = other.first == one.first + 1 and one.kind == other.kind
        joined = joined and one.first == one.last and other.first == other.last
        assert (here in starts) != joined


_TEXT = st.none() | st.text(max_size=3)
_NAMED = st.builds(
    Mention,
    st.integers(0, (1 << 64) - 1),
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([None, *KINDS]),
    _TEXT,
    _TEXT,
    _TEXT,
)


@times(0.5)
@given(st.lists(_NAMED, max_size=6), st.integers(1, 6))
def test_entries_are_what_json_makes_of_them(rows, piece) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(entries_text, "_PIECE", piece)
        text = "".join(entries_text.entries_text(rows))
    assert json.loads(f"[{text}]") == [row._asdict() for row in rows]


@given(st.lists(_SAID, max_size=6))
def test_entries_with_numbered_places_are_what_json_makes_of_them(said) -> None:
    found = Collector("x", "text", Asked())
    for pfn, more, kind, when, where, number in said:
        found.pages(pfn, pfn + more, kind, when=when, where=where, number=number if where else -1)
    named = found.finish().mentions
    text = "".join(entries_text.entries_text(named))
    assert json.loads(f"[{text}]") == [row._asdict() for row in named]


@pytest.mark.parametrize("pages", [1, 3])
def test_what_is_named_over_and_over_is_taken_once(pages, monkeypatch) -> None:
    """More mentions than a machine has pages, of few pages: they are folded on the way."""
    monkeypatch.setattr(collector, "MAX_MENTIONS", 64)
    found = Collector("x", "text", Asked())
    for turn in range(40):
        for pfn in range(10, 20):
            found.pages(pfn, pfn + pages - 1, "excluded", where="line ", number=turn)
        found.ranges("excluded", [50], [50 + pages - 1], "line ", [turn])
    listed = found.finish()
    want = {pfn + more for pfn in (*range(10, 20), 50) for more in range(pages)}
    assert list(listed.pfns) == sorted(want)
    assert [(m.first, m.where) for m in listed.mentions] == [
        (pfn, "line 0") for pfn in (*range(10, 20), 50)
    ]
