"""The options of the commands that write a list: list, encode and merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hwpkho.badpages import registry
from hwpkho.cli import common, values

if TYPE_CHECKING:
    from collections.abc import Callable


class _Forms:
    """The forms that can be written; the registry also holds forms that are only read."""

    names = staticmethod(registry.written_names)


class Written(values.OneOf):
    """A form to write; for some that cannot be written, the error says why."""

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
    """Add the options on an EFI table of poisoned memory: --unit and --phys-base."""
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
    """Add the options for forms with too little room for a list: --max-loss and --budget."""
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
