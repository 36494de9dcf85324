"""The parts of an HTML page as plain values, which the templates turn into markup.

The templates escape all text. Only a drawing is markup already; report/svg makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.report.registry import Call

#: How something is marked: error, warning, note and good by colour and a sign beside it, dim and
#: mono by look alone; empty: not at all.
Style = str


class Cell(NamedTuple):
    """A cell of a table, if text alone is not enough.

    Attributes:
        text: What is shown.
        style: How it is marked.
        sort: Key to sort its column by instead of the text: the bytes of ``4 KiB``.
        href: Link to a place on the page, ``#runs``, or to a file beside it; empty: no link.
    """

    text: str
    style: Style = ""
    sort: int | None = None
    href: str = ""


class Column(NamedTuple):
    """A column: its head; whether it holds numbers (set to the right); or addresses (monospace)."""

    head: str
    number: bool = False
    mono: bool = False


class Table(NamedTuple):
    """A table that can be sorted and filtered where scripts run.

    Attributes:
        caption: What it is, in a line.
        columns: From the left; the cells of the first are the heads of their rows.
        rows: A cell for each column.
        cut: A sentence on what is not shown and how to see it; empty if all is shown.
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
    """A finding or problem, with the kernel's behaviour and the advice from its code.

    Attributes:
        severity: error, warning or note.
        code: HP301.
        name: count-beyond-array.
        message: One line.
        rows: Label and text of what the kernel does, what to do ...
        counts: Whether it makes the exit code 1; None if it is not a finding of validate.
    """

    severity: Style
    code: str
    name: str
    message: str
    rows: Sequence[tuple[str, str]] = ()
    counts: bool | None = None


class Listing(NamedTuple):
    """A list too long for a table: words one after the other, folded until a reader opens it."""

    title: str
    words: Iterable[str]
    cut: str = ""


class Figure(NamedTuple):
    """A drawing.

    Attributes:
        svg: Markup, made by report/svg.
        caption: What it shows, in a sentence or two.
        data: The same as a table, for readers who cannot see it, and for exact numbers.
        zoom: Whether a reader can enlarge it.
    """

    svg: str
    caption: str
    data: Table | None = None
    zoom: bool = True


class Details(NamedTuple):
    """Parts that are folded until a reader opens them; ``id`` is the target of links."""

    id: str
    title: str
    parts: Sequence[Part]


Part = Table | Fields | Text | Message | Listing | Figure | Details


class Section(NamedTuple):
    """A part of the page with a heading, listed in its contents; ``id`` as in ``#runs``."""

    id: str
    title: str
    parts: Sequence[Part]


class Page(NamedTuple):
    """A page.

    Attributes:
        command: The command that made it: ``validate``.
        title: The inputs, or the name of the case.
        style: How bad the result is.
        sentence: The result in a sentence without a full stop; empty: none.
        todo: What to do, a sentence each.
        sections: In order.
        call: Command line and inputs, shown at the end.
        up: Link to the index that links to this page; empty: there is none.
    """

    command: str
    title: str
    style: Style
    sentence: str
    todo: Sequence[str]
    sections: Sequence[Section]
    call: Call
    up: str = ""
