"""How many examples of a property, which of many pairs, and how much of an input quick tests take.

What is left out here is slow, and make test-thorough has all of it.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _pytest.mark import ParameterSet


#: The hypothesis profile of this run: ``suite`` is the quick one.
PROFILE = os.environ.get("TEST_PROFILE", "suite")


def much(quick: int, thorough: int) -> int:
    """Return how large an input is: what grows out of all proportion does so for either."""
    return quick if PROFILE == "suite" else thorough


def times(factor: float, **more: Any) -> settings:
    """Return settings with so many times the profile's examples: cheap ones many, dear ones few."""
    return settings(max_examples=max(2, round(settings().max_examples * factor)), **more)


def some(values: Iterable[Any], one_in: int) -> list[ParameterSet]:
    """Return parameters of which one in so many is quick; a tuple is a row of several."""
    return [
        _unless(number % one_in, *(value if isinstance(value, tuple) else (value,)))
        for number, value in enumerate(values)
    ]


def crossed(first: Iterable[Any], second: Iterable[Any], one_in: int) -> list[ParameterSet]:
    """Return all pairs, of which one in so many is quick: each value of either side is in some."""
    right = list(second)
    return [
        _unless((row + column) % one_in, one, two)
        for row, one in enumerate(first)
        for column, two in enumerate(right)
    ]


def _unless(slow: int, *values: Any) -> ParameterSet:
    return pytest.param(*values, marks=[pytest.mark.slow] if slow else [])


#: Of a table of more rows than the first number a quick run takes one row in so many.
_ONE_IN = ((32, 12), (16, 10), (8, 8), (4, 6), (1, 3))


def thinned(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return what a quick run of the whole suite takes, and what it leaves to make test-thorough.

    Of a test with many rows it takes the first and a part of the others, by their names: neither
    their order nor rows that are added change which. Marked ``each``, it is taken whole.
    """
    rows = Counter(_function(item) for item in items)
    seen: set[str] = set()
    quick: list[pytest.Item] = []
    more: list[pytest.Item] = []
    for item in items:
        function = _function(item)
        one_in = next((part for most, part in _ONE_IN if rows[function] > most), 1)
        first = function not in seen
        seen.add(function)
        each = item.get_closest_marker("each") is not None
        taken = each or first or not zlib.crc32(item.nodeid.encode()) % one_in
        (quick if taken else more).append(item)
    return quick, more


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
