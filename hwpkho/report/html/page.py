"""Renders a page from its facts, with style and script inside the one file.

Import it only to make a page: Jinja2 is an extra and takes time to import.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.base.version import __version__
from hwpkho.errors import UsageError
from hwpkho.report.svg import markup

try:
    import jinja2
    from markupsafe import Markup
except ImportError as error:
    raise UsageError("--format html needs Jinja2: pip install 'hwpkho[html]'") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.report.html.facts import Page

#: The sign of each style, so that colour is never the only mark.
SIGNS = {"error": "✕", "warning": "▲", "note": "●", "good": "✓"}
#: A template yields many short pieces; so many are joined into one.
_PIECES = 512


def render(page: Page, template: str = "page.html") -> Iterator[str]:
    """Yield the page in pieces, HTML with all text escaped."""
    stream = _environment().get_template(template).stream(page=page)
    stream.enable_buffering(_PIECES)
    yield from stream


@cache
def _environment() -> jinja2.Environment:
    style, script = _source("page.css") + markup.style(), _source("page.js")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        loader=jinja2.FunctionLoader(_source),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        version=__version__,
        style=Markup(style),  # noqa: S704  # a file of this package
        script=Markup(script),  # noqa: S704  # likewise
        policy=_policy(style, script),
        signs=SIGNS,
    )
    environment.filters["kind"] = lambda facts: type(facts).__name__
    environment.filters["drawing"] = Markup
    environment.filters["sentence"] = sentence
    return environment


def _source(name: str) -> str:
    """Return the text of a template, style or script; the package may be in a zip archive."""
    return (files("hwpkho.report.html") / "templates" / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: load nothing, and run only our own script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _finalize(value: Any) -> Any:
    """Return text with control and direction characters escaped, which HTML escaping leaves.

    HTML cannot hold the first; the second reorder what a reader sees.
    """
    return printable(value) if type(value) is str else value


def sentence(text: str) -> str:
    """Return text as a sentence: capital letter, full stop. A first word such as HP301 stays."""
    first = text.split(" ", 1)[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
