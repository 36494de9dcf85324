"""Markup of pictures: shapes, text that is text only, and the file around them."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.escape import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Every picture is so wide, in units of its own; how wide it is shown is the reader's.
WIDTH = 1000
#: Between pictures of one file.
_GAP = 32


class Drawing(NamedTuple):
    """A picture.

    Attributes:
        title: What it is, for who cannot see it.
        about: What is on it, likewise.
        body: Its shapes, within WIDTH.
        height: In the same units.
        alone: What stands above it in a file of its own, where no page says it.
    """

    title: str
    about: str
    body: str
    height: float
    alone: str = ""


def inline(drawing: Drawing, name: str) -> str:
    """Return a picture for a page; ``name`` is one that no other on the page has.

    The page has the style.
    """
    return (
        f'<svg class="pic" viewBox="0 0 {WIDTH} {drawing.height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{text(drawing.title)}</title>'
        f'<desc id="{name}-desc">{text(drawing.about)}</desc>{drawing.body}</svg>'
    )


def document(drawings: Sequence[Drawing], title: str) -> str:
    """Return a file of its own with pictures one below the other; without any it says the title."""
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
    """Return the style of all pictures; a page has it among its own."""
    return (files("hwpkho.report.svg") / "picture.css").read_text("utf-8")


def text(said: str) -> str:
    """Return text as markup has it: no markup of its own, no character that XML has no room for."""
    return escape(printable(said))


def words(x: float, y: float, said: str, kind: str = "", *, anchor: str = "") -> str:
    """Return a line of text; ``anchor`` is ``end`` or ``middle``."""
    of = f' class="{kind}"' if kind else ""
    at = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:g}" y="{y:g}"{of}{at}>{text(said)}</text>' if said else ""


def rect(x: float, y: float, width: float, height: float, kind: str, more: str = "") -> str:
    """Return a rectangle."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{kind}"{more}/>'


def titled(title: str, body: str) -> str:
    """Return shapes that say something where a pointer rests on them."""
    return f"<g><title>{text(title)}</title>{body}</g>"


def shortened(said: str, most: int) -> str:
    """Return text that has room in so many characters."""
    return said if len(said) <= most else f"{said[: most - 1]}…"
