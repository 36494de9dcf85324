"""fleet ask as an HTML page: plots, each with its numbers as a table."""

from __future__ import annotations

import sys
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hwpkho.base.counting import counted
from hwpkho.base.options import command
from hwpkho.fleet.questions import QUESTIONS, Question
from hwpkho.report.fleet_answer import forms, plots
from hwpkho.report.html.blocks import MAX_ROWS
from hwpkho.report.html.facts import (
    Column,
    Details,
    Fields,
    Figure,
    Page,
    Section,
    Table,
    Text,
)
from hwpkho.report.html.page import render
from hwpkho.report.svg import plot as drawing
from hwpkho.report.svg.markup import inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hwpkho.fleet.ask import Answer, Wanted
    from hwpkho.report.html.facts import Part, Style
    from hwpkho.report.registry import Call

#: Rows that decide whether a column holds numbers.
_LOOKED_AT = 100
#: Characters of a name or a time that is not broken into lines.
_WORD = 32
#: What a query of the user's own is called.
_QUERY = Question("sql", "a query")


class Report:
    """``--format html`` of fleet ask."""

    name = "html"
    about = "a page: plots, each with its numbers as a table"

    def pieces(self, result: Answer, call: Call) -> Iterator[str]:
        """Return the page."""
        sections = []
        found = [Answered(result.also(name), call) for name in plots.asked(result.wanted.question)]
        for each in found:
            table: Part = each.table
            if len(found) > 1 and each.plots:
                table = Details(f"{each.name}-data", "The same as a table", [table])
            parts = [*each.figures(), table] if each.count else [Text("Nothing.")]
            sections.append(Section(each.name, each.title, parts))
        asked: list[Part] = [_asked(result.wanted, found), Text(_hashes(result.name))]
        sections.append(Section("asked", "What was asked", asked))
        headline = _HEADLINES.get(result.wanted.question or "")
        style, sentence = headline(result) if headline else found[0].summary()
        page = Page("fleet ask", result.name, style, sentence, (), sections, call)
        return render(page)


REPORT = Report()


class Answered:
    """An answer whose rows have been read once: plots of all of them, and a table of the first.

    Attributes:
        name: The question, ``sql`` for a query of the user's own.
        about: What it asks, in a few words.
        count: How many rows there are.
        plots: The plots; empty if the question has none.
        table: The first ``MAX_ROWS`` rows, or all with --verbose.
    """

    def __init__(self, answer: Answer, call: Call) -> None:
        self._asked = QUESTIONS.get(answer.wanted.question or "", _QUERY)
        self.name, self.about = self._asked.name, self._asked.about
        self.count = 0
        self._shown: list[tuple[Any, ...]] = []
        self._most = sys.maxsize if call.everything else MAX_ROWS
        rows = self._read(answer)
        self.plots = plots.of(self.name, rows)
        deque(rows, maxlen=0)  # a plot need not have read all rows; count them
        self.table = self._table(answer.columns)

    @property
    def title(self) -> str:
        """The heading: ``about`` with a capital letter."""
        return self.about[:1].upper() + self.about[1:]

    def _read(self, answer: Answer) -> Iterator[plots.Row]:
        for row in answer.rows():
            self.count += 1
            if self.count <= self._most:
                self._shown.append(row)
            yield dict(zip(answer.columns, row, strict=True))

    def _table(self, columns: Sequence[str]) -> Table:
        heads = []
        for number, name in enumerate(columns):
            values = [row[number] for row in self._shown[:_LOOKED_AT] if row[number] is not None]
            count = bool(values) and all(type(v) in (int, float, Decimal) for v in values)
            count = count and not forms.is_pfn(name)
            words = not count and all(_is_word(forms.shown(name, v)) for v in values)
            heads.append(Column(name, number=count, mono=words))
        rows = ([_cell(*pair) for pair in zip(columns, row, strict=True)] for row in self._shown)
        left = self.count - len(self._shown)
        caption = f"{self.title}: {counted(self.count, 'row')}"
        return Table(
            caption,
            heads,
            rows,
            f"{counted(left, 'more row is', 'more rows are')} not shown; --csv has all"
            if left
            else "",
        )

    def figures(self) -> Iterator[Figure]:
        """Yield the plots as figures of the page."""
        for number, plot in enumerate(self.plots):
            drawn = drawing.draw(plot)
            svg = inline(drawn, f"{self.name}-plot-{number}")
            yield Figure(svg, plot.caption, zoom=False)

    def summary(self) -> tuple[Style, str]:
        """Return how bad the answer is, and a sentence that says how many rows it has."""
        row, bad = self._asked.row, self._asked.bad
        what = counted(self.count, row) if self.count else "Nothing"
        style: Style = "" if bad is None else bad if self.count else "good"
        return style, f"{what}: {self.about}"


def _is_word(text: str) -> bool:
    """Tell whether a text is short and without a blank, so that its line need not be broken."""
    return len(text) <= _WORD and " " not in text


def _cell(name: str, value: Any) -> str:
    return "" if value is None else forms.shown(name, value)


def _summary(answer: Answer) -> tuple[Style, str]:
    """Return how bad the fleet's state is, and a sentence on it, from the question ``summary``."""
    (row,) = answer.also(None).rows()
    found = dict(zip(answer.columns, row, strict=True))

    def count(name: str, what: str) -> str:
        return counted(found[name], what)

    unsafe, lost = found["unsafe"], found["not_judged"]
    sentence = (
        f"{count('hosts', 'host')}, {count('cases', 'capture')}: {count('pages', 'bad page')} on "
        f"{count('hosts_with_pages', 'host')}; the next kernel does not take the list of "
        f"{count('unsafe', 'capture')}"
    )
    if lost:
        sentence += f"; {count('not_judged', 'capture')} could not be judged"
    return "error" if unsafe else "warning" if lost else "good", sentence


#: Questions whose page begins with another sentence than how many rows the first answer has.
_HEADLINES: dict[str, Callable[[Answer], tuple[Style, str]]] = {"summary": _summary}


def _hashes(dataset: str) -> str:
    """Return a sentence on where the inputs' SHA-256 are: in the data set, one for each capture."""
    query = "SELECT host, taken_at, content_hash FROM hosts"
    line = command("fleet ask", dataset, "--sql", query)
    return f"The SHA-256 of each capture's inputs is in the data set: {line}"


def _asked(wanted: Wanted, found: Sequence[Answered]) -> Fields:
    rows = [("Questions", ", ".join(each.name for each in found))]
    given = (
        ("Query", wanted.sql), ("Host", wanted.host), ("Since", wanted.since),
        ("Limit on pages", wanted.max_pages), ("Rows at most", wanted.limit),
    )  # fmt: skip
    return Fields([*rows, *((label, str(value)) for label, value in given if value is not None)])
