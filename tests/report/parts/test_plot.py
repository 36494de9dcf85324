"""Axes of plots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.report.parts.plot import ticks


@given(st.integers(0, 1 << 80))
def test_an_axis_is_round_and_long_enough(most):
    found = ticks(most)
    step = found[1]
    assert found == [step * i for i in range(len(found))]
    assert found[-1] >= most > found[-2] or most == 0
    assert 2 <= len(found) <= 5
    assert str(step).rstrip("0") in ("1", "2", "5")
