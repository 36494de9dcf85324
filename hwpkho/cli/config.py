"""``hwpkho config``."""

from __future__ import annotations

import json
import os
import sys

import click

from hwpkho.cli import common, screen, settings
from hwpkho.commands import config
from hwpkho.errors import UsageError

EPILOG = """\b
Examples:
  hwpkho config
  hwpkho config --all
  hwpkho config --json | jq '.settings[] | select(.from != "default")'
  hwpkho config --schema > hwpkho.schema.json
  HWPKHO_FAIL_ON=warning hwpkho validate vmcore

Exit codes: 0 fine; 2 wrong usage, or an unknown or invalid setting."""


@click.command(epilog=EPILOG)
@click.option("--all", "every", is_flag=True, help="Show every setting, defaults included.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of hwpkho.toml.")
@common.json_flag
@click.pass_context
def command(ctx: click.Context, *, every: bool, schema: bool, as_json: bool) -> None:
    """Show what hwpkho.toml and the environment set, and for which command.

    The nearest hwpkho.toml, or pyproject.toml with [tool.hwpkho], counts: in the current folder or
    above it, up to the top of the repository. hwpkho --config FILE names another, --config none
    reads none.
    """
    if every + schema + as_json > 1:
        raise UsageError("--all, --schema and --json exclude each other")
    from hwpkho.cli.main import COMMANDS, load  # which imports this

    known = settings.all_offers(load, COMMANDS)
    if schema:
        click.echo(json.dumps(config.file_schema(known), indent=2, ensure_ascii=False))
        return
    named = ctx.parent.params.get("config") if ctx.parent else None
    file = config.read(named, os.environ)
    found = config.settings(known, file, os.environ)
    from hwpkho.report import config as report

    for line in config.unknown_variables(known, os.environ):
        click.echo(f"hwpkho: {line}", err=True)
    if as_json:
        click.echo(report.document(file, found), nl=False)
        return
    for text in report.text(file, found, every=every, screen=screen.of(sys.stdout)):
        click.echo(text)
