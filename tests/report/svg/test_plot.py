"""Plots: numbers that are drawn are those that were given, and nothing leaves its frame."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.report.parts.plot import MOST_BARS, MOST_COLUMNS, Bar, Bars, Days
from hwpkho.report.svg.markup import WIDTH, document
from hwpkho.report.svg.plot import draw
from tests.support import markup
from tests.support.examples import times

FIRST = date(2026, 11, 1)
COUNTS = st.dictionaries(st.dates(), st.integers(0, 1 << 70), max_size=30)


def _picture(plot):
    return markup.picture(document([draw(plot)], "x"))


def _rects(drawn, kind):
    found = [e for e in drawn.all("rect") if e.attrib.get("class") == kind]
    return [[float(e.attrib[k]) for k in ("x", "y", "width", "height")] for e in found]


@times(1)
@given(COUNTS, st.booleans())
def test_every_day_is_in_one_column(counts, adds_up):
    plot = Days("x", sorted(counts.items()), adds_up)
    columns = plot.columns()
    assert len(columns) <= MOST_COLUMNS
    steps = [after - before for (before, _), (after, _) in pairwise(columns)]
    assert steps == [timedelta(days=plot.width)] * len(steps)
    values, given = [n for _, n in columns], counts.values()
    assert sum(values) == sum(given) or not adds_up
    assert max(values, default=0) == max(given, default=0) or adds_up
    for x, y, width, height in _rects(_picture(plot), "bar"):
        assert x >= 0
        assert x + width <= WIDTH + 0.5
        assert y >= 0
        assert height <= 220


def test_columns_are_as_high_as_their_counts():
    drawn = _picture(Days("x", [(FIRST, 4), (FIRST + timedelta(days=2), 2)]))
    (first, second) = _rects(drawn, "bar")
    assert first[3] == pytest.approx(2 * second[3])
    assert "2026-11-01: 4" in drawn.text
    assert "2026-11-02" in drawn.text  # a day without a count has its place


@pytest.mark.parametrize("days", [1, 2, 9, 10, 28, 29, 60, 61, 92, 365])
def test_dates_below_the_columns_do_not_touch(days):
    drawn = _picture(Days("x", [(FIRST + timedelta(days=n), n) for n in range(days)]))
    dates = [e.attrib for e in drawn.all("text") if e.attrib.get("text-anchor") == "middle"]
    middles = [float(each["x"]) for each in dates]
    assert middles
    assert all(after - before > 84 for before, after in pairwise(middles))


def test_bars_are_as_long_as_their_values():
    drawn = _picture(Bars("x", [Bar("a", 40, "40 pages", 10), Bar("b", 10, "10 pages")]))
    (first, second), (part,) = _rects(drawn, "bar"), _rects(drawn, "part")
    assert first[2] == pytest.approx(4 * second[2], rel=0.01)
    assert part[2] == pytest.approx(second[2], rel=0.01)


@times(1)
@given(st.lists(st.tuples(st.text(max_size=60), st.integers(0, 1 << 70)), max_size=40))
def test_bars_stay_within_and_the_rest_is_told(found):
    plot = Bars("x", [Bar(label, value, f"{value}") for label, value in found])
    drawn = _picture(plot)
    rects = _rects(drawn, "bar")
    assert len(rects) == min(len(found), MOST_BARS)
    assert all(x + width <= WIDTH for x, _, width, _ in rects)
    more = len(found) - MOST_BARS
    assert (f"{more} more are not drawn" in plot.caption) == (more > 0)


@pytest.mark.parametrize("plot", [Bars("x", []), Days("x", [])])
def test_a_plot_of_nothing(plot):
    assert not _rects(_picture(plot), "bar")
