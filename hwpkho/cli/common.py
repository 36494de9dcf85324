"""Options of any command, and which of a call's options were typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hwpkho.base import kept
from hwpkho.base.arch import ARCHES
from hwpkho.cli import screen
from hwpkho.cli.values import OneOf, PageSize

if TYPE_CHECKING:
    from collections.abc import Callable


def given() -> frozenset[str]:
    """Return the names of the parameters that the user gave on the command line."""
    ctx = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    return frozenset(n for n in ctx.params if ctx.get_parameter_source(n) is typed)


def gives_way(name: str, *others: str) -> bool:
    """Tell whether a setting of ``name`` must be ignored because one of ``others`` was typed.

    The two exclude each other; a setting is for many calls, so what is typed for this one counts.
    All are names of parameters.
    """
    typed = given()
    return name not in typed and not typed.isdisjoint(others)


def say_left_out() -> None:
    """Say what was left out of the archives that this call has read, and which may be cut off."""
    for note in kept.notes():
        screen.say(f"hwpkho: {note}")


def add(command: Callable[..., Any], *decorators: Callable[..., Any]) -> Callable[..., Any]:
    """Apply option decorators, so that --help shows them in the order given."""
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def json_flag(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def page_size(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --page-size."""
    return click.option(
        "--page-size",
        type=PageSize(),
        help="Page size of the kernel. Default: inferred and proven.",
    )(command)


def arch(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --arch."""
    return click.option(
        "--arch", type=OneOf(ARCHES), help="Architecture, if the input does not record it."
    )(command)


def base(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --base."""
    return click.option(
        "--base",
        type=click.Choice(["10", "16"]),
        default="10",
        show_default=True,
        help="Number base for list entries without a 0x prefix.",
    )(command)


def next_cmdline(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --next-cmdline."""
    return click.option(
        "--next-cmdline", metavar="STRING", help="Command line of the next kernel."
    )(command)


def root(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --root."""
    return click.option(
        "--root",
        metavar="DIR",
        help="Look at the copy of /proc and /sys in DIR, such as a sosreport, not at this machine.",
    )(command)


def since(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --since."""
    return click.option(
        "--since",
        metavar="FILE",
        help="Compare with the bad pages saved before the kexec, or with any list of bad pages.",
    )(command)
