"""Plots as SVG: bars below one another, and columns over days."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from hwpkho.report.parts.layout import cells
from hwpkho.report.parts.plot import Bars, ticks
from hwpkho.report.svg.markup import WIDTH, Drawing, rect, shortened, titled, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from hwpkho.report.parts.plot import Days, Plot

#: Greatest width of a letter, height of a line, and the baseline's distance from the line's top.
_LETTER, _LINE, _BASE = 8.4, 22, 15
#: Letters of a label at most; height of a plot over days; space between a label and its bar.
_LABEL, _HEIGHT, _GAP = 32, 220, 8


def draw(plot: Plot) -> Drawing:
    """Return the drawing of a plot."""
    body, height = _bars(plot) if isinstance(plot, Bars) else _days(plot)
    return Drawing(plot.title, plot.about, f'<g class="plot">{body}</g>', height, plot.title)


def _bars(plot: Bars) -> tuple[str, float]:
    shown = plot.shown
    labels = [shortened(bar.label, _LABEL) for bar in shown]
    left = max(map(cells, labels), default=0) * _LETTER + _GAP
    right = max((cells(bar.said) for bar in shown), default=0) * _LETTER + _GAP
    scale = (WIDTH - left - right) / max(1, *(bar.value for bar in shown), 1)
    parts = []
    for number, (label, bar) in enumerate(zip(labels, shown, strict=True)):
        top, long = number * _LINE, max(bar.value * scale, 1)
        shapes = words(left - _GAP, top + _BASE, label, anchor="end")
        shapes += rect(left, top + 3, long, _LINE - 6, "bar")
        if bar.part:
            shapes += rect(left, top + 8, max(bar.part * scale, 2), _LINE - 16, "part")
        shapes += words(left + long + _GAP, top + _BASE, bar.said, "dim")
        parts.append(titled(f"{bar.label}: {bar.said}", shapes))
    return "".join(parts), max(len(shown), 1) * _LINE


def _days(plot: Days) -> tuple[str, float]:
    columns = plot.columns()
    axis = ticks(max((number for _, number in columns), default=0))
    left = len(str(axis[-1])) * _LETTER + _GAP
    bottom = float(_HEIGHT - _LINE)
    scale = (bottom - _LINE) / axis[-1]
    parts = []
    for tick in axis:
        y = bottom - tick * scale
        parts.append(words(left - _GAP, y + 5, str(tick), "dim", anchor="end"))
        parts.append(f'<path class="axis" d="M{left:g} {y:g}H{WIDTH}"/>')
    step = (WIDTH - left) / max(len(columns), 1)
    wide = min(step * 0.8, 48)
    for number, (day, count) in enumerate(columns):
        if count:
            high = max(count * scale, 1)
            at = left + (number + 0.5) * step - wide / 2
            parts.append(titled(f"{day}: {count}", rect(at, bottom - high, wide, high, "bar")))
    parts += _dates(columns, left, step, bottom + _BASE + 2)
    return "".join(parts), _HEIGHT


def _dates(
    columns: Sequence[tuple[date, int]], left: float, step: float, y: float
) -> Iterator[str]:
    """Yield the dates below the columns, as many as fit."""
    half = len("2026-11-28") * _LETTER / 2
    every = max(1, ceil(half * 2.4 / step))
    end = -half
    for number in range(0, len(columns), every):
        x = min(max(left + (number + 0.5) * step, half), WIDTH - half)
        if x - half > end:  # the last date is moved left to fit and might cover the one before
            yield words(x, y, str(columns[number][0]), "dim", anchor="middle")
            end = x + half
