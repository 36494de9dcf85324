"""What a page is made of: plain facts, which the templates put into markup.

All text is text: the templates escape it. Only a drawing is markup, made by report/svg.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.report.registry import Call

#: How something is marked, by colour and by a sign beside it: error, warning, note, good; dim and
#: mono have no sign; empty: not at all.
Style = str


class Cell(NamedTuple):
    """What stands in a cell of a table, where text alone does not do.

    Attributes:
        text: What is read.
        style: How it is marked.
        sort: By what its column is sorted instead of the text: bytes behind ``4 KiB``.
        href: A place on the page, ``#runs``, or a file beside it; empty: no link.
    """

    text: str
    style: Style = ""
    sort: int | None = None
    href: str = ""


class Column(NamedTuple):
    """A column: its head, whether it holds numbers (set to the right), or addresses."""

    head: str
    number: bool = False
    mono: bool = False


class Table(NamedTuple):
    """A table that can be sorted and filtered where scripts run.

    Attributes:
        caption: What it is, in a line.
        columns: From the left; the first names its row.
        rows: A cell for each column.
        cut: What is not shown, and how to see it: a sentence; empty where all is.
    """

    caption: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell | str]]
    cut: str = ""


class Fields(NamedTuple):
    """Labels and texts; a text may be a list of lines."""

    rows: Iterable[tuple[str, str | Sequence[str]]]


class Text(NamedTuple):
    """A paragraph; with a style it has a sign before it."""

    text: str
    style: Style = ""


class Message(NamedTuple):
    """A finding or problem, with what the registry knows of its code.

    Attributes:
        severity: error, warning or note.
        code: HP301.
        name: count-beyond-array.
        message: One line.
        rows: What the kernel does, what to do ...: label and text.
        counts: Whether it makes the exit code 1; None where that is not the question.
    """

    severity: Style
    code: str
    name: str
    message: str
    rows: Sequence[tuple[str, str]] = ()
    counts: bool | None = None


class Listing(NamedTuple):
    """What is too long for a table: words one after the other, closed until it is opened."""

    title: str
    words: Iterable[str]
    cut: str = ""


class Figure(NamedTuple):
    """A drawing.

    Attributes:
        svg: Markup, made by report/svg.
        caption: What it shows, in a sentence or two.
        data: The same as a table, for who cannot see it, and for exact numbers.
        zoom: Whether it may be made larger.
    """

    svg: str
    caption: str
    data: Table | None = None
    zoom: bool = True


class Details(NamedTuple):
    """Parts that are closed until they are opened; ``id`` is where links lead to."""

    id: str
    title: str
    parts: Sequence[Part]


Part = Table | Fields | Text | Message | Listing | Figure | Details


class Section(NamedTuple):
    """A part of the page with a heading, which the contents name; ``id`` as in ``#runs``."""

    id: str
    title: str
    parts: Sequence[Part]


class Page(NamedTuple):
    """A page.

    Attributes:
        command: What made it: ``validate``.
        title: What it is about: the inputs, or the case.
        style: How bad it is.
        sentence: What counts, in a sentence without a full stop; empty: nothing to say first.
        todo: What to do, a sentence each.
        sections: In order.
        call: How it came about, which stands at the end.
        up: Where the page lies that has a link to this one; empty: there is none.
    """

    command: str
    title: str
    style: Style
    sentence: str
    todo: Sequence[str]
    sections: Sequence[Section]
    call: Call
    up: str = ""
