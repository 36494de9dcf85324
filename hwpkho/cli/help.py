"""``hwpkho help``."""

from __future__ import annotations

import click

from hwpkho.cli import offers
from hwpkho.cli.groups import unknown

EPILOG = """\b
Examples:
  hwpkho help
  hwpkho help validate

Exit codes: 0 fine; 2 no such command."""


def _names() -> list[str]:
    from hwpkho.cli.main import COMMANDS

    return list(COMMANDS)


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="[COMMAND]...", shell_complete=offers.words(_names))
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of COMMAND, or of hwpkho."""
    from hwpkho.cli.main import main

    shown = ctx.parent or click.Context(main, info_name="hwpkho")
    for name in names:
        group = shown.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"{shown.command_path} has no commands of its own", ctx)
        found = group.get_command(shown, name)
        if found is None:
            listed = group.list_commands(shown)
            raise click.UsageError(unknown(name, listed, shown.command_path), ctx)
        shown = found.context_class(found, info_name=name, parent=shown)
    click.echo(shown.get_help())
