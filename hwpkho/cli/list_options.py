"""The options of everything that writes a list: list, encode and merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hwpkho.badpages import registry
from hwpkho.cli import common, values

if TYPE_CHECKING:
    from collections.abc import Callable


class _Forms:
    """The forms that are written; those that are only read are in the same registry."""

    names = staticmethod(registry.written_names)


class Written(values.OneOf):
    """The names of forms that are written; of some others it says why they are not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if value in registry.NOT_WRITTEN:
            self.fail(registry.NOT_WRITTEN[value], param, ctx)
        return super().convert(value, param, ctx)


def to(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --to for a command that writes lists only."""
    return click.option(
        "--to",
        type=Written(_Forms()),
        metavar="FORM",
        help="Write the list in this form; see hwpkho formats.",
    )(command)


def table(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what an EFI table of poisoned memory is to be like."""
    return common.add(
        command,
        click.option(
            "--unit",
            type=values.Number(),
            metavar="BYTES",
            help="Physical space for a bit of an EFI table. Default: 2M.",
        ),
        click.option(
            "--phys-base",
            type=values.Number(),
            metavar="PHYS",
            help="Address of the first unit of an EFI table. Default: as the EFI stub chooses it.",
        ),
    )


def at(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --at for a command that writes lists only."""
    return click.option(
        "--at",
        type=values.Number(),
        metavar="PHYS",
        help="Write an ELF core with the EFI table at this address.",
    )(command)


def fitting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what to do where a form has no room for the list."""
    return common.add(
        command,
        click.option(
            "--max-loss",
            type=values.Count(min=0),
            default=0,
            metavar="PAGES",
            help="Good pages that may be excluded too, to make a list fit. Default: 0.",
        ),
        click.option(
            "--budget",
            type=values.Count(min=1),
            metavar="N",
            help="Limit on what is written: bytes for memmap and bcdedit, entries for other forms. "
            "Default: 2048 for memmap, 128 for e820.",
        ),
    )
