"""``hwpkho man``."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from hwpkho.cli import offers
from hwpkho.commands import man

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

EPILOG = """\b
Examples:
  hwpkho man
  hwpkho man validate
  hwpkho man list | grep -A 4 badram
  hwpkho man --source decode | mandoc -T html > decode.html

\b
Exit codes: 0 fine; 2 no such page."""


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[COMMAND]", shell_complete=offers.words(man.names))
@click.option("--source", is_flag=True, help="Print the page's source, mdoc(7).")
def command(name: str | None, *, source: bool) -> None:
    """Show the manual page of COMMAND; without COMMAND, that of hwpkho.

    On a terminal man(1) or mandoc(1) shows it, if the machine has one; else it is shown as text.
    """
    page = man.page(name)
    if source:
        click.echo(page.read_text("utf-8"), nl=False)
        return
    _show(page)


def _show(page: Traversable) -> None:
    from hwpkho.report.man import viewer
    from hwpkho.report.man.page import render
    from hwpkho.report.parts import paint

    on_terminal = sys.stdout.isatty()
    if on_terminal and viewer.shown(page):
        return
    columns = shutil.get_terminal_size().columns
    text = render(page.read_text("utf-8"), columns - 1, paint.for_stream(sys.stdout))
    if on_terminal:
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)
