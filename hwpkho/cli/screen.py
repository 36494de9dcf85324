"""The options of every command: colours, pager, how much is said; and what they make of a screen.

They may stand before the name of the command or after it. They are no parameters of the commands:
what a command prints is made for :func:`of_stdout`, and what it says beside is :func:`say`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from hwpkho.base.version import __version__
from hwpkho.report.parts.layout import fold
from hwpkho.report.parts.paint import Paint
from hwpkho.report.parts.screen import WIDTH, Screen

if TYPE_CHECKING:
    from typing import TextIO

_KEY = "hwpkho.screen"
#: What Python sets LC_CTYPE to in the C locale (PEP 538).
_COERCED = "C.UTF-8"
_STARTED_WITH = "/proc/self/environ"
#: In fewer columns nothing can be read.
_MIN_WIDTH = 20


class Settings:
    """What the options of every command say.

    Attributes:
        color: ``auto``, ``always`` or ``never``.
        pager: Whether long output goes through a pager on a terminal.
        detail: -1 with --quiet, 1 with --verbose.
    """

    def __init__(self) -> None:
        self.color = "auto"
        self.pager = True
        self.detail = 0


def settings() -> Settings:
    """Return what the user says; the command and the group around it share it."""
    ctx = click.get_current_context(silent=True)
    if ctx is None:
        return Settings()
    found: Settings = ctx.meta.setdefault(_KEY, Settings())
    return found


def _color(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        settings().color = value
        # click would take the colours out of what is no terminal
        each: click.Context | None = ctx
        while each is not None:
            each.color = {"always": True, "never": False}.get(value)
            each = each.parent


def _no_pager(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        settings().pager = False


def _detail(detail: int) -> Any:
    def say(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            if settings().detail == -detail:
                raise click.UsageError("--quiet and --verbose exclude each other", ctx)
            settings().detail = detail
        del param

    return say


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"hwpkho {__version__}")
        ctx.exit()


#: The options of every command, the same ones before and after its name.
OPTIONS = (
    click.Option(
        ["--color"],
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        callback=_color,
        help="Colours. Default: auto, on a terminal unless NO_COLOR is set.",
    ),
    click.Option(
        ["--no-pager"],
        is_flag=True,
        expose_value=False,
        callback=_no_pager,
        help="Print on a terminal without a pager.",
    ),
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_detail(-1),
        help="Print the one line that counts; no notes, no progress, no report on what is written.",
    ),
    click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_detail(1),
        help="Also print the notes that nearly every report has.",
    ),
    click.Option(
        ["-V", "--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_version,
        help="Show the version and exit.",
    ),
)


def of(stream: TextIO, *, everything: bool | None = None) -> Screen:
    """Return what a stream can show; lists are shown whole with --verbose unless that is said."""
    encoding, detail = stream.encoding or "ascii", settings().detail
    whole = detail > 0 if everything is None else everything
    blocks = _has_blocks(encoding) and not _plain_locale()
    return Screen(Paint(wanted(stream)), width(stream), blocks, encoding, detail, whole)


def of_file(*, everything: bool | None = None) -> Screen:
    """Return what a file can show: UTF-8, and colours only where they are asked for."""
    detail = settings().detail
    whole = detail > 0 if everything is None else everything
    paint = Paint(settings().color == "always")
    return Screen(paint, WIDTH, detail=detail, everything=whole)


def width(stream: TextIO) -> int:
    """Return the columns: COLUMNS, else the terminal's, else a stable default."""
    said = os.environ.get("COLUMNS", "")
    columns = int(said) if said.isascii() and said.isdecimal() and len(said) < 6 else 0
    if not columns:
        try:
            columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
        except (OSError, ValueError):
            columns = 0
    return max(columns or WIDTH, _MIN_WIDTH)


def wanted(stream: TextIO) -> bool:
    """Tell whether a stream gets colours."""
    how = settings().color
    if how != "auto":
        return how == "always"
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return not plain and stream.isatty()


def _has_blocks(encoding: str) -> bool:
    try:
        "█·".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _plain_locale() -> bool:
    """Tell whether the user asks for plain characters: Python writes UTF-8 in the C locale, too."""
    said = (os.environ.get("LC_ALL"), _ctype(), os.environ.get("LANG"))
    return next(filter(None, said), "") in ("C", "POSIX")


def _ctype() -> str | None:
    """Return LC_CTYPE as it was given.

    In the C locale Python sets it anew before it starts (PEP 538). What a process was started with
    is in /proc; where that cannot be read, what Python set is taken for nothing.
    """
    said = os.environ.get("LC_CTYPE")
    if not sys.flags.utf8_mode or said != _COERCED:
        return said
    from pathlib import Path

    try:
        given = Path(_STARTED_WITH).read_bytes().split(b"\0")
    except OSError:
        return None
    pairs = (each.partition(b"=") for each in given)
    return next((v.decode("ascii", "replace") for n, _, v in pairs if n == b"LC_CTYPE"), None)


def say(text: str, *, always: bool = False) -> None:
    """Say something beside the result on standard error; not with --quiet unless ``always``."""
    if always or settings().detail >= 0:
        lines = fold(text, width(sys.stderr), "", "  ") if sys.stderr.isatty() else [text]
        for line in lines:
            click.echo(line, err=True)
