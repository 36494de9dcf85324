"""Plots as plain values, to be drawn elsewhere: bars of named things, and counts over days.

The numbers of each plot are in a table, too; no plot needs colour to be read.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bars that are drawn; a table has the rest.
MOST_BARS = 20
#: Columns of a plot over days; if there are more days, a column stands for several.
MOST_COLUMNS = 92
#: Days that a column stands for: the first of these with which all days fit.
_DAYS = (1, 7, 30, 91, 365)


class Bar(NamedTuple):
    """A bar.

    Attributes:
        label: Its name, printable.
        value: Its length; not negative.
        said: The text behind it: value and marked part in words.
        part: How much of the value is marked.
    """

    label: str
    value: int
    said: str
    part: int = 0


class Bars(NamedTuple):
    """Bars below one another, in the order given.

    Attributes:
        title: What they show, in a sentence without a full stop.
        bars: All of them; the first ``MOST_BARS`` are drawn.
    """

    title: str
    bars: Sequence[Bar]

    @property
    def about(self) -> str:
        """A description for readers who cannot see the plot."""
        return "; ".join(f"{bar.label}: {bar.said}" for bar in self.shown) or "Nothing."

    @property
    def caption(self) -> str:
        """The text below the drawing."""
        more = len(self.bars) - len(self.shown)
        cut = f" {counted(more, 'more is', 'more are')} not drawn." if more else ""
        return f"{self.title}.{cut}"

    @property
    def shown(self) -> Sequence[Bar]:
        """The bars that are drawn."""
        return self.bars[:MOST_BARS]


class Days(NamedTuple):
    """A count for each day.

    Attributes:
        title: What it shows, in a sentence without a full stop.
        counts: Day and count, ascending; a missing day counts 0.
        adds_up: Whether a column of several days shows the sum of their counts; else the largest.
    """

    title: str
    counts: Sequence[tuple[date, int]]
    adds_up: bool = True

    @property
    def about(self) -> str:
        """A description for readers who cannot see the plot."""
        if not self.counts:
            return "No day."
        day, most = max(self.counts, key=itemgetter(1))
        days = "" if self.width == 1 else f" A column is {self.width} days."
        first, last = self.counts[0][0], self.counts[-1][0]
        return f"From {first} to {last}; most on {day}: {most}.{days}"

    @property
    def caption(self) -> str:
        """The text below the drawing."""
        return f"{self.title}. {self.about}"

    @property
    def width(self) -> int:
        """How many days one column stands for."""
        if not self.counts:
            return 1
        days = (self.counts[-1][0] - self.counts[0][0]).days + 1
        fits = (width for width in _DAYS if days <= width * MOST_COLUMNS)
        return next(fits, -(-days // MOST_COLUMNS))

    def columns(self) -> list[tuple[date, int]]:
        """Return first day and count of each column, also of columns without any count."""
        if not self.counts:
            return []
        first, width = self.counts[0][0], self.width
        found = [0] * ((self.counts[-1][0] - first).days // width + 1)
        for day, number in self.counts:
            at = (day - first).days // width
            found[at] = found[at] + number if self.adds_up else max(found[at], number)
        return [(first + timedelta(days=at * width), number) for at, number in enumerate(found)]


Plot = Bars | Days


def ticks(most: int) -> list[int]:
    """Return round numbers for an axis, from 0 to the first that is not below ``most``."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step * 4 >= most)
    return [step * i for i in range(-(-max(most, 1) // step) + 1)]
