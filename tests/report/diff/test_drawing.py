"""The histories of pages, drawn: well-formed, a box for each list, within its frame."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.commands import diff
from hwpkho.report.diff import histories
from hwpkho.report.diff.drawing import MOST_ROWS, draw
from hwpkho.report.svg.markup import WIDTH, document
from tests.support import markup
from tests.support.examples import times
from tests.support.generations import generations

LISTS = st.lists(st.lists(st.integers(0, 60), max_size=20), min_size=3, max_size=9)


def _drawn(folder, lists):
    chain = histories.of(diff.diff([str(path) for path in generations(folder, lists)]))
    return chain, markup.picture(document([draw(chain)], "x"))


def _count(drawn, name):
    return len([e for e in drawn.root.iter() if e.attrib.get("class") == name])


@times(1)
@given(LISTS)
def test_a_row_a_life_and_a_box_a_list(tmp_path_factory, found):
    chain, drawn = _drawn(tmp_path_factory.mktemp("lists"), found)
    states = [state for row in chain.alike()[:MOST_ROWS] for state in chain.states(row.seen)]
    for state in ("listed", "new", "lost", "absent"):
        assert _count(drawn, state) == states.count(state) + 1  # and one in the legend
    assert _count(drawn, "cross") == states.count("lost") + 1
    assert _count(drawn, "plus") == states.count("new") + 1


def test_rows_add_up_to_all_pages_losses_first(tmp_path):
    chain, drawn = _drawn(tmp_path, ([1, 2, 3, 4], [1, 2, 3, 5], [1, 5, 6]))
    assert [(row.history, row.counted) for row in chain.alike()] == [
        ("lost", "2 PFNs"), ("lost", "1 PFN"), ("appeared", "1 PFN"), ("appeared", "1 PFN"),
        ("kept", "1 PFN"),
    ]  # fmt: skip
    assert "lost: 2 PFNs" in drawn.text


def test_many_lists_have_room_and_few_numbers(tmp_path):
    _, drawn = _drawn(tmp_path, [[n] for n in range(300)])
    boxes = [e for e in drawn.all("rect") if e.attrib["class"] in ("listed", "new", "lost")]
    assert len(boxes) == 2 * MOST_ROWS + 3  # and those of the legend
    assert max(float(e.attrib["x"]) + float(e.attrib["width"]) for e in boxes) <= WIDTH
    heads = [float(e.attrib["x"]) for e in drawn.all("text") if (e.text or "").isdigit()]
    assert min(b - a for a, b in pairwise(heads)) > 25
    assert f"{300 - MOST_ROWS} more rows are not drawn." in drawn.text


@pytest.mark.slow
def test_boxes_of_a_thousand_lists_are_seen_among_what_is_not_listed(tmp_path):
    chain, drawn = _drawn(tmp_path, [[0x10], [0x10], *([] for _ in range(998))])
    assert chain.lists == 1000
    *boxes, _, _, _ = [e for e in drawn.all("rect") if e.attrib["class"] != "page"]
    dots = [float(e.attrib["r"]) for e in drawn.all("circle")][:-1]
    assert [e.attrib["class"] for e in boxes] == ["listed", "listed", "lost"]
    assert min(float(e.attrib["width"]) for e in boxes) > 2 * max(dots) > 0
