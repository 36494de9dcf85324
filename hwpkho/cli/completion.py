"""``hwpkho completion``."""

from __future__ import annotations

import sys
from pathlib import PurePath

import click

from hwpkho.cli import values
from hwpkho.errors import UsageError
from hwpkho.report.completion import model
from hwpkho.report.completion.registry import SHELLS

EPILOG = """\b
Examples:
  hwpkho completion bash > ~/.local/share/bash-completion/completions/hwpkho
  hwpkho completion zsh > ~/.zfunc/_hwpkho
  hwpkho completion fish > ~/.config/fish/completions/hwpkho.fish
  source <(hwpkho completion bash)
  ./hwpkho.pyz completion bash --name hwpkho.pyz

Exit codes: 0 fine; 2 wrong usage."""


@click.command(epilog=EPILOG)
@click.argument("shell", type=values.OneOf(SHELLS))
@click.option(
    "--name", metavar="NAME", help="Name of the program to complete. Default: as it was called."
)
def command(shell: str, name: str | None) -> None:
    """Print a script that completes hwpkho's command line in a shell.

    It completes commands, options, and what they take: forms, names of maps, codes, schemas. A TAB
    starts no program. The Debian package installs the script.
    """
    from hwpkho.cli import tree
    from hwpkho.cli.main import main

    if name is not None and not _fits(name):
        raise UsageError("--name: a program's name has only letters, digits and . _ + -")
    click.echo(SHELLS[shell].script(tree.read(main), name or _called()), nl=False)


def _called() -> str:
    """Return the name by which the program was called, ``hwpkho`` if it was called as a module."""
    name = PurePath(sys.argv[0]).name
    return name if _fits(name) and not name.endswith(".py") else "hwpkho"


def _fits(name: str) -> bool:
    return model.safe(name) and "/" not in name
