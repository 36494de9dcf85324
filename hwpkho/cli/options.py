"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.abi.kho import DEFAULT, VERSIONS
from hwpkho.base.arch import ARCHES
from hwpkho.cli import offers
from hwpkho.cli.values import Consumer, Count, Fraction, Number, OneOf, PageSize, ScratchArray
from hwpkho.judging.efi_table import generations
from hwpkho.judging.efi_table.generations import Consumers
from hwpkho.memmap.names import MAP_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable


def given() -> frozenset[str]:
    """Return the names of the parameters that the user gave on the command line."""
    ctx = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    return frozenset(n for n in ctx.params if ctx.get_parameter_source(n) is typed)


def gives_way(name: str, *others: str) -> bool:
    """Tell whether ``name`` is a setting only, and one of ``others`` was typed, which it excludes.

    A setting is for many calls: what is typed counts before it. Names are those of parameters.
    """
    typed = given()
    return name not in typed and not typed.isdisjoint(others)


def page_size(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --page-size."""
    return click.option(
        "--page-size",
        type=PageSize(),
        help="Page size of the kernel. Default: inferred and proven.",
    )(command)


def handover(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the commands that read a handover."""
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
            arch,
        )
    ):
        command = option(command)
    return page_size(command)


def efi_table(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --efi-table."""
    return click.option(
        "--efi-table",
        type=Number(),
        metavar="PHYS",
        help="Address of the EFI table of poisoned memory. Default: search.",
    )(command)


def layout(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --layout."""
    return click.option(
        "--layout",
        type=OneOf(LAYOUTS),
        help="Layout of the EFI table of poisoned memory: to write, or if bytes do not show it.",
    )(command)


def arch(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --arch."""
    return click.option(
        "--arch", type=OneOf(ARCHES), help="Architecture, if the input does not record it."
    )(command)


def role(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --role."""
    return click.option(
        "--role",
        type=click.Choice(["in", "out"]),
        help="Use this handover (default: the outgoing one if it has a list), or state the role of "
        "a single one.",
    )(command)


def json_flag(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def add(command: Callable[..., Any], *decorators: Callable[..., Any]) -> Callable[..., Any]:
    """Apply option decorators, so that --help shows them in the order given."""
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def next_cmdline(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --next-cmdline."""
    return click.option(
        "--next-cmdline", metavar="STRING", help="Command line of the next kernel."
    )(command)


def memory_map(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the memory map, and which of its views counts."""
    return add(
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
            shell_complete=offers.words(MAP_NAMES.names),
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
        next_cmdline,
    )


def base(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --base."""
    return click.option(
        "--base",
        type=click.Choice(["10", "16"]),
        default="10",
        show_default=True,
        help="Number base for list entries without a 0x prefix.",
    )(command)


def _read_forms() -> list[str]:
    from hwpkho.commands.list import form_names

    return form_names()


def form(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --from: any form that is read; the name is looked up when a list is."""
    return click.option(
        "--from",
        "form",
        metavar="FORM",
        shell_complete=offers.words(_read_forms),
        help="Form of the inputs that are lists, if their content does not show it; see "
        "hwpkho formats.",
    )(command)


def consumers(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the next kernel speaks."""
    return add(
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
    """Add what is told of the next kernel where the machine's own files are the map."""
    return add(command, next_cmdline, consumers)


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


def judging(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a judgement rests on."""
    return add(
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
        base,
        form,
        click.option(
            "--fail-on",
            type=click.Choice(["error", "warning", "note", "never"]),
            default="error",
            show_default=True,
            help="Exit with 1 for findings of this severity or worse.",
        ),
    )
