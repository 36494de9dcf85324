"""The algebra of ranges against sets of integers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hwpkho.base.ranges import (
    Range,
    difference,
    holding,
    intersection,
    joined,
    paint,
    touches,
    union,
)

#: Empty and reversed ones, too.
RANGES = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=8)
U64 = 1 << 64


def members(ranges: list[Range]) -> set[int]:
    return {n for start, end in ranges for n in range(start, end)}


def is_tidy(ranges: list[Range]) -> bool:
    """Ascending, disjoint, not touching, none empty."""
    flat = [n for r in ranges for n in r]
    return flat == sorted(set(flat))


@given(ranges=RANGES)
def test_union(ranges: list[Range]) -> None:
    assert members(union(ranges)) == members(ranges)
    assert is_tidy(union(ranges))
    assert list(joined(sorted(ranges))) == union(ranges)
    assert union(union(ranges)) == union(ranges)


@given(left=RANGES, right=RANGES)
def test_intersection(left: list[Range], right: list[Range]) -> None:
    found = list(intersection(union(left), union(right)))
    assert members(found) == members(left) & members(right)
    assert is_tidy(found)


@given(left=RANGES, right=RANGES)
def test_difference(left: list[Range], right: list[Range]) -> None:
    found = list(difference(union(left), union(right)))
    assert members(found) == members(left) - members(right)
    assert is_tidy(found)


@given(ranges=RANGES, at=st.integers(-1, 91))
def test_holding(ranges: list[Range], at: int) -> None:
    found = holding(union(ranges), at)
    assert (found is not None) == (at in members(ranges))
    assert found is None or (found in union(ranges) and found[0] <= at < found[1])


@given(ranges=RANGES, start=st.integers(-1, 90), size=st.integers(1, 90))
def test_touches(ranges: list[Range], start: int, size: int) -> None:
    found = touches(union(ranges), start, start + size)
    assert found == any(at in members(ranges) for at in range(start, start + size))


def test_ends_may_be_all_of_64_bits() -> None:
    assert union([(U64 - 1, U64), (0, U64 - 1)]) == [(0, U64)]
    assert list(difference([(0, U64)], [(5, U64)])) == [(0, 5)]
    assert list(intersection([(0, U64)], [(U64 - 1, U64)])) == [(U64 - 1, U64)]


def test_differences_come_as_they_are_asked_for() -> None:
    """A list of millions is subtracted from the memory of a machine without a copy of it."""
    endless = ((n, n + 1) for n in range(0, U64, 2))
    found = difference([(0, U64)], endless)
    assert [next(found) for _ in range(3)] == [(1, 2), (3, 4), (5, 6)]


LAYERS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(-2, 2)), max_size=9)


@given(layers=LAYERS)
def test_paint(layers: list[tuple[int, int, int]]) -> None:
    painted = list(paint(layers))
    seen = {at: number for start, end, number in painted for at in range(start, end)}
    for at in range(41):
        here = [(p, i) for i, (start, end, p) in enumerate(layers) if start <= at < end]
        assert seen.get(at) == (max(here)[1] if here else None)
    assert all(a[1] <= b[0] for a, b in pairwise(painted))
    assert all(start < end for start, end, _ in painted)


@example(layers=[(0, 1, 0), (0, 2, -1), (1, 2, 0)])  # begins as the one above ends
@given(layers=LAYERS)
def test_paint_tells_where_a_layer_begins_on_another(layers: list[tuple[int, int, int]]) -> None:
    met: list[tuple[int, int]] = []
    for _ in paint(layers, lambda seen, number: met.append((seen, number))):
        pass
    there = [layer[0] < layer[1] for layer in layers]
    for seen, number in met:
        start = layers[number][0]
        assert layers[seen][0] <= start < layers[seen][1]
    for number, (start, _, _) in enumerate(layers):
        below = [i for i, (a, b, _) in enumerate(layers) if there[i] and a < start < b]
        if there[number] and below:
            assert any(n == number for _, n in met)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_paint_yields_every_stretch_between_edges(count: int) -> None:
    layers = [(0, 10, 5), (3, 7, 1)]
    assert list(paint(layers))[:count] == [(0, 3, 0), (3, 7, 0), (7, 10, 0)][:count]
