"""Groups of commands, and commands, with hints for mistyped words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hwpkho.base.options import command

if TYPE_CHECKING:
    from collections.abc import Iterable


class OfMachine(click.Command):
    """A command that looks at the running machine, or with --root at a copied one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; for a folder given as an argument, raise an error that suggests --root."""
        ctx.allow_extra_args = True
        extra = super().parse_args(ctx, args)
        arguments = (ctx.params.get(p.name) for p in self.params if isinstance(p, click.Argument))
        _refuse_folders(ctx, (word for word in (*arguments, *extra) if isinstance(word, str)))
        if extra and not ctx.resilient_parsing:
            many = "s" * (len(extra) > 1)
            raise click.UsageError(f"Got unexpected extra argument{many} ({' '.join(extra)})", ctx)
        return extra


def _refuse_folders(ctx: click.Context, words: Iterable[str]) -> None:
    """Raise UsageError if one of ``words`` is a folder."""
    # Not Path.is_dir(), which raises if it may not look; here that only means no hint.
    folder = next((word for word in words if os.path.isdir(word)), None)  # noqa: PTH112
    if folder is not None:
        look = command(f"{ctx.info_name} --root", folder)
        raise click.UsageError(f"{folder}: give a copied tree with --root: {look}", ctx)


class Group(click.Group):
    """A group of commands, with hints for mistyped commands and misplaced options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; for one of the command's own, raise UsageError."""
        names = self.list_commands(ctx)
        given = [arg for arg in args if arg in names]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            # Reversed: an option's value may be a command's name, too (--to memmap list).
            name = next(
                (n for n in reversed(given) if self._takes(ctx, n, error.option_name)), None
            )
            if name is None:
                raise
            said = f"{error.option_name} is an option of {name}; give it after the command"
            raise click.UsageError(f"{said}: {ctx.command_path} {name} ...", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands with their sentences whole, which click would cut."""
        names = self.list_commands(ctx)
        listed = ((name, self.get_command(ctx, name)) for name in names)
        with formatter.section("Commands"):
            formatter.write_dl([(n, c.get_short_help_str(1000)) for n, c in listed if c])

    def _takes(self, ctx: click.Context, name: str, option: str) -> bool:
        command = self.get_command(ctx, name)
        return command is not None and any(option in each.opts for each in command.params)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; the error for an unknown one suggests similar names."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(unknown(name, names, ctx.command_path), ctx)
        return super().resolve_command(ctx, args)


def unknown(name: str, names: Iterable[str], of: str) -> str:
    """Return the error for a command ``name`` that ``of`` has not, with similar names if any."""
    from difflib import get_close_matches  # only for a mistake

    close = get_close_matches(name, names, n=2, cutoff=0.6)
    meant = f"Did you mean {' or '.join(close)}?" if close else f"{of} --help lists them."
    if not close and os.path.lexists(name):
        meant = "It is a file: give a command before it."
    return f"No such command {name!r}. {meant}"
