"""formats: the forms of lists, for people, as ``hwpkho.formats/1``, and as a Markdown table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.badpages.registry import LIST_FORMATS, is_read, is_written
from hwpkho.report.parts.layout import Column, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.registry import ListFormat

SCHEMA = "hwpkho.formats/1"


def _directions(form: ListFormat) -> tuple[bool, bool]:
    return is_read(form), is_written(form)


def body() -> dict[str, Any]:
    """Return the fields of ``hwpkho.formats/1``."""
    return {
        "formats": [
            {
                "name": form.name,
                "about": form.about.replace("`", ""),
                "read": _directions(form)[0],
                "written": _directions(form)[1],
                "carries": sorted(form.carries),
                "extra": form.extra,
            }
            for form in LIST_FORMATS
        ]
    }


def report(screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the table; with --quiet without the descriptions."""
    screen = screen or Screen()
    rows = []
    for form in sorted(LIST_FORMATS, key=lambda form: form.name):
        read, written = _directions(form)
        way = f"{'in' if read else '':<3}{'out' if written else '':<3}"
        about = form.about.replace("`", "") if screen.detail >= 0 else ""
        rows.append((form.name, way.rstrip() if screen.detail < 0 else way, about))
    columns = (Column(""), Column(""), Column("", wraps=True))
    return table(columns, rows, screen, "")


def markdown() -> Iterator[str]:
    """Yield the lines of the table in docs/lists.md."""
    yield "| form | in | out | what it is |"
    yield "|---|---|---|---|"
    for form in sorted(LIST_FORMATS, key=lambda form: form.name):
        read, written = _directions(form)
        marks = ("x" if read else "", "x" if written else "")
        yield f"| `{form.name}` | {marks[0]} | {marks[1]} | {form.about} |"
