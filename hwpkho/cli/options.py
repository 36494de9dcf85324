"""Options of the commands that read handovers and judge them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.abi.kho import DEFAULT, VERSIONS, named
from hwpkho.cli import common, offers
from hwpkho.cli.values import Count, Fraction, Number, OneOf, ScratchArray
from hwpkho.errors import UsageError
from hwpkho.judging.efi_table import generations
from hwpkho.judging.efi_table.generations import Consumers

if TYPE_CHECKING:
    from collections.abc import Callable


class Consumer(OneOf):
    """A KHO version, by its name or by the compatible string of its root FDT."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name or compatible string, checked."""
        if not value.startswith("kho-"):
            return super().convert(value, param, ctx)
        try:
            named(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def handover(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of commands that read a handover: --page-size to --arch."""
    for option in reversed(
        (
            click.option(
                "--root-fdt",
                type=Number(),
                metavar="PHYS",
                help="Address of the root FDT. Default: search.",
            ),
            click.option(
                "--kho-scratch",
                type=ScratchArray(),
                metavar="PHYS:LENGTH|none",
                help="Scratch array, as in /chosen. Default: from the image or debugfs.",
            ),
            common.arch,
        )
    ):
        command = option(command)
    return common.page_size(command)


def efi_table(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --efi-table."""
    return click.option(
        "--efi-table",
        type=Number(),
        metavar="PHYS",
        help="Address of the EFI table of poisoned memory. Default: search.",
    )(command)


def layout(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --layout, of a table that is read."""
    return _layout(command, "Layout of the EFI table, if its bytes do not show it.")


def layout_to_write(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --layout, of a table that is written, or else of one that is read."""
    of_one_read = "of one that is read, if its bytes do not show it"
    return _layout(command, f"Layout of the EFI table that is written, or else {of_one_read}.")


def _layout(command: Callable[..., Any], about: str) -> Callable[..., Any]:
    return click.option("--layout", type=OneOf(LAYOUTS), help=about)(command)


def role(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --role."""
    return click.option(
        "--role",
        type=click.Choice(["in", "out"]),
        help="Use this handover (default: the outgoing one if it has a list), or state the role of "
        "a single one.",
    )(command)


def memory_map(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --memmap and the options on how to read the map: --map to --next-cmdline."""
    return common.add(
        command,
        click.option(
            "--memmap",
            multiple=True,
            metavar="FILE",
            help="The machine's memory map, in any form (repeatable).",
        ),
        click.option(
            "--map",
            "map_name",
            metavar="NAME",
            shell_complete=offers.words(offers.maps),
            help="Use only this map of the files.",
        ),
        click.option(
            "--boot",
            metavar="N|last",
            shell_complete=offers.words(lambda: ["last"]),
            help="Boot to use, if a log holds several.",
        ),
        click.option(
            "--iomem-of",
            type=click.Choice(["running", "next"]),
            default="running",
            show_default=True,
            help="Kernel that printed the /proc/iomem.",
        ),
        common.next_cmdline,
    )


def _read_forms() -> list[str]:
    from hwpkho.commands.list import form_names

    return form_names()


def form(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --from. Its value is checked only when a list is read, as that imports all forms."""
    return click.option(
        "--from",
        "form",
        metavar="FORM",
        shell_complete=offers.words(_read_forms),
        help="Form of the inputs that are lists, if their content does not show it; see "
        "hwpkho formats.",
    )(command)


def consumers(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --consumer-kho and --consumer-efi: the formats that the next kernel reads."""
    return common.add(
        command,
        click.option(
            "--consumer-kho",
            type=Consumer(VERSIONS),
            default=DEFAULT.name,
            show_default=True,
            help="KHO version of the next kernel, or its compatible string, such as "
            "'kho-v4;radix-v1;vmalloc-v1'.",
        ),
        click.option(
            "--consumer-efi",
            type=OneOf(Consumers()),
            default=generations.DEFAULT,
            show_default=True,
            help="Generation of the next kernel's reader of the EFI table of poisoned memory.",
        ),
    )


def next_kernel(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on the next kernel for commands without --memmap."""
    return common.add(command, common.next_cmdline, consumers)


def judging(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a judgement: memory map, next kernel, limits, forms, --fail-on."""
    return common.add(
        command,
        memory_map,
        consumers,
        click.option(
            "--max-pages",
            type=Count(0),
            metavar="N",
            help="Report an error above N pages.",
        ),
        click.option(
            "--max-fraction",
            type=Fraction(0, 1),
            metavar="F",
            help="Report an error above this part of RAM, 0 to 1.",
        ),
        click.option(
            "--max-per-gib",
            type=Count(0),
            metavar="N",
            help="Report an error above N pages in one GiB: a failing DIMM.",
        ),
        click.option(
            "--max-scratch",
            type=Fraction(0, 1),
            metavar="F",
            help="Report an error where scratch takes more than this part of RAM, 0 to 1.",
        ),
        common.base,
        form,
        click.option(
            "--fail-on",
            type=click.Choice(["error", "warning", "note", "never"]),
            default="error",
            show_default=True,
            help="Exit with 1 for findings of this severity or worse.",
        ),
    )
