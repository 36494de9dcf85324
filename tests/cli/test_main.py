"""The commands: a module each, and a line in ``COMMANDS``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import click

from hwpkho.cli.main import COMMANDS

if TYPE_CHECKING:
    import pytest


@click.command()
@click.option("--times", type=int, default=1)
def _toy(times: int) -> None:
    """Print toys."""
    click.echo("toy\n" * times, nl=False)


def test_a_toy_command(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line is all that --help, settings and completion need; it has what every command has."""
    module = ModuleType("hwpkho.cli.toy")
    module.command = _toy  # type: ignore[attr-defined]  # as a module of cli/ has it
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "toy", "Print toys.")
    assert cli("toy", "--times", 2).out == "toy\ntoy\n"
    assert "  toy         Print toys.\n" in cli("--help").out
    assert "--no-pager" in cli("toy", "--help").out
    monkeypatch.setenv("HWPKHO_TIMES", "3")
    assert cli("toy").out == "toy\n" * 3
    assert "--times" in cli("completion", "bash").out


def test_the_toy_command_is_gone_again(cli) -> None:
    assert cli("toy").code == 2
