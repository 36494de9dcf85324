"""``hwpkho man``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hwpkho.cli import offers, screen
from hwpkho.commands import man

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

EPILOG = """\b
Examples:
  hwpkho man
  hwpkho man validate
  hwpkho man list | grep -A 4 badram
  hwpkho man --source decode | mandoc -T html > decode.html

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

    if sys.stdout.isatty() and screen.settings().pager and viewer.shown(page):
        return
    place = screen.of(sys.stdout)
    click.echo(render(page.read_text("utf-8"), place.width - 1, place.paint), nl=False)
