"""Groups of commands: who mistypes a command is told which one may be meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable


class Group(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may be meant."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(unknown(name, names, ctx.command_path), ctx)
        return super().resolve_command(ctx, args)


def unknown(name: str, names: Iterable[str], of: str) -> str:
    """Say that ``of`` has no command ``name``, and which one may be meant."""
    close = get_close_matches(name, names, n=2, cutoff=0.6)
    meant = f"Did you mean {' or '.join(close)}?" if close else f"{of} --help lists them."
    return f"No such command {name!r}. {meant}"
