"""``hwpkho schema``."""

from __future__ import annotations

import click

from hwpkho.cli import offers
from hwpkho.commands import schema

EPILOG = """\b
Examples:
  hwpkho schema
  hwpkho schema decode > decode.schema.json
  hwpkho schema hwpkho.decode/1

Exit codes: 0 fine; 2 no such schema."""


@click.command(epilog=EPILOG)
@click.argument("name", required=False, shell_complete=offers.words(schema.names))
def command(name: str | None) -> None:
    """Print the JSON Schema of the document NAME; without NAME, list the documents.

    NAME is a command's name (the newest version of its document) or a document's own name as it
    stands in its "schema" field.
    """
    if name is None:
        click.echo("\n".join(schema.names()))
    else:
        click.echo(schema.text(name), nl=False)
