"""SVG markup: shapes, escaped text, and the file around pictures."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.escape import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Width of every picture in SVG user units; pages scale it to their own.
WIDTH = 1000
#: Space between pictures of one file.
_GAP = 32


class Drawing(NamedTuple):
    """A picture.

    Attributes:
        title: What it is, for readers who cannot see it.
        about: What it shows, for the same readers.
        body: Markup of its shapes, ``WIDTH`` wide.
        height: In the same units.
        alone: Heading above it in an SVG file; a page has headings of its own.
    """

    title: str
    about: str
    body: str
    height: float
    alone: str = ""


def inline(drawing: Drawing, name: str) -> str:
    """Return a picture as an svg element for a page, which must have :func:`style`.

    ``name`` must be unique on the page.
    """
    return (
        f'<svg class="pic" viewBox="0 0 {WIDTH} {drawing.height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{text(drawing.title)}</title>'
        f'<desc id="{name}-desc">{text(drawing.about)}</desc>{drawing.body}</svg>'
    )


def document(drawings: Sequence[Drawing], title: str) -> str:
    """Return an SVG file with the pictures one below the other, or only ``title`` without any."""
    drawings = drawings or [Drawing(title, "There is nothing to draw.", "", 0, title)]
    parts, at = [], 16.0
    for drawing in drawings:
        parts.append(
            f'<g transform="translate(0 {at:g})"><title>{text(drawing.title)}</title>'
            f"{words(0, 14, drawing.alone, 'head')}"
            f'<g transform="translate(0 28)">{drawing.body}</g></g>'
        )
        at += drawing.height + 28 + _GAP
    about = " ".join(drawing.about for drawing in drawings)
    height = at - _GAP + 16
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" class="pic" '
        f'viewBox="-16 0 {WIDTH + 32} {height:g}" '
        f'width="{WIDTH + 32}" height="{height:g}" role="img" aria-labelledby="title desc">'
        f'<title id="title">{text(title)}</title><desc id="desc">{text(about)}</desc>'
        f"<style>{style()}</style>"
        f'<rect class="page" x="-16" width="{WIDTH + 32}" height="{height:g}"/>'
        f"{''.join(parts)}</svg>\n"
    )


@cache
def style() -> str:
    """Return the CSS of all pictures."""
    return (files("hwpkho.report.svg") / "picture.css").read_text("utf-8")


def text(said: str) -> str:
    """Return text escaped for markup, without characters that XML does not allow."""
    return escape(printable(said))


def words(x: float, y: float, said: str, kind: str = "", *, anchor: str = "") -> str:
    """Return a text element, "" for no text; ``anchor`` is ``end``, ``middle`` or empty."""
    of = f' class="{kind}"' if kind else ""
    at = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:g}" y="{y:g}"{of}{at}>{text(said)}</text>' if said else ""


def rect(x: float, y: float, width: float, height: float, kind: str, more: str = "") -> str:
    """Return a rect element of the class ``kind``; ``more`` are further attributes."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{kind}"{more}/>'


def titled(title: str, body: str) -> str:
    """Return shapes with ``title`` as their tooltip."""
    return f"<g><title>{text(title)}</title>{body}</g>"


def shortened(said: str, most: int) -> str:
    """Return text cut to ``most`` characters, the last of them an ellipsis."""
    return said if len(said) <= most else f"{said[: most - 1]}…"
