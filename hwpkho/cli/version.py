"""``hwpkho version``."""

from __future__ import annotations

import sys

import click

from hwpkho.base.version import __version__
from hwpkho.cli import common, screen

EPILOG = """\b
Examples:
  hwpkho version
  hwpkho version --verbose
  hwpkho version --json | jq -r '.parts[] | select(.usable | not).module'

Exit codes: 0 fine, even if an optional part is missing; 2 wrong usage."""


@click.command(epilog=EPILOG)
@common.json_flag
def command(*, as_json: bool) -> None:
    """Show the version; with --verbose, what this installation is made of and what it can do.

    An incomplete extra is listed with what its modules would add.
    """
    if screen.settings().detail <= 0 and not as_json:
        click.echo(f"hwpkho {__version__}")
        return
    from hwpkho.commands.version import installation
    from hwpkho.report import version

    found = installation()
    if as_json:
        click.echo(version.document(found), nl=False)
        return
    for line in version.text(found, screen.of(sys.stdout)):
        click.echo(line)
