"""The options of every command: colours, pager, amount of detail; and the screen they result in.

They may come before or after the name of the command, and are not passed to it: a command prints
its result for the screen :func:`of` standard output, and everything else by :func:`say`.
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
#: The value that Python sets LC_CTYPE to in the C locale (PEP 538).
_COERCED = "C.UTF-8"
_STARTED_WITH = "/proc/self/environ"
#: Columns at least: nothing can be read in fewer.
_MIN_WIDTH = 20


class Settings:
    """The values of the options of every command.

    Attributes:
        color: ``auto``, ``always`` or ``never``.
        pager: Whether long output goes through a pager on a terminal.
        detail: -1 with --quiet, 1 with --verbose, else 0.
    """

    def __init__(self) -> None:
        self.color = "auto"
        self.pager = True
        self.detail = 0


def settings() -> Settings:
    """Return the settings of this call, shared by the command and the groups around it."""
    ctx = click.get_current_context(silent=True)
    if ctx is None:
        return Settings()
    found: Settings = ctx.meta.setdefault(_KEY, Settings())
    return found


def _color(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        settings().color = value
        # Without this, click strips colours unless it writes to a terminal.
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
    """Return the screen of a stream; ``everything`` defaults to whether --verbose is given."""
    encoding, detail = stream.encoding or "ascii", settings().detail
    whole = detail > 0 if everything is None else everything
    blocks = _has_blocks(encoding) and not _plain_locale()
    return Screen(Paint(wanted(stream)), width(stream), blocks, encoding, detail, whole)


def of_file(*, everything: bool | None = None) -> Screen:
    """Return the screen of a file: UTF-8, and colours only with --color always.

    ``everything`` defaults to whether --verbose is given.
    """
    detail = settings().detail
    whole = detail > 0 if everything is None else everything
    paint = Paint(settings().color == "always")
    return Screen(paint, WIDTH, detail=detail, everything=whole)


def width(stream: TextIO) -> int:
    """Return the columns of a stream: from COLUMNS, else the terminal's, else 80; at least 20."""
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
    """Tell whether the locale is C or POSIX, although Python writes UTF-8 in it."""
    said = (os.environ.get("LC_ALL"), _ctype(), os.environ.get("LANG"))
    return next(filter(None, said), "") in ("C", "POSIX")


def _ctype() -> str | None:
    """Return LC_CTYPE as the process got it.

    In the C locale Python overwrites it at its start (PEP 538). The original environment is in
    /proc; if that cannot be read, a value that Python may have set counts as none.
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
    """Print a line on standard error, beside the result; not with --quiet unless ``always``."""
    if always or settings().detail >= 0:
        lines = fold(text, width(sys.stderr), "", "  ") if sys.stderr.isatty() else [text]
        for line in lines:
            click.echo(line, err=True)
