"""``hwpkho formats``."""

from __future__ import annotations

import sys

import click

from hwpkho.cli import common, screen
from hwpkho.errors import UsageError

EPILOG = """\b
Examples:
  hwpkho formats
  hwpkho formats --json | jq -r '.formats[] | select(.written).name'

Exit codes: 0 fine; 2 wrong usage."""


@click.command(epilog=EPILOG)
@common.json_flag
@click.option("--markdown", is_flag=True, help="Print the table of docs/lists.md.")
def command(*, as_json: bool, markdown: bool) -> None:
    """List the forms in which lists of bad pages are read and written."""
    from hwpkho.report import formats
    from hwpkho.report.parts import jsondoc

    if as_json and markdown:
        raise UsageError("--json and --markdown exclude each other")
    if as_json:
        click.echo(jsondoc.dump(formats.SCHEMA, formats.body()), nl=False)
        return
    for line in formats.markdown() if markdown else formats.report(screen.of(sys.stdout)):
        click.echo(line)
