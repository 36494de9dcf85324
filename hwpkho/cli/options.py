"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import click

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.abi.kho import DEFAULT, VERSIONS, named
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.digits import unsigned
from hwpkho.cli import offers
from hwpkho.errors import UsageError
from hwpkho.judging.efi_table import generations
from hwpkho.judging.efi_table.generations import Consumers
from hwpkho.memmap.names import MAP_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

_SUFFIX = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([KMGTPE]?)(?:i?B)?", re.IGNORECASE)


class Number(click.ParamType[int]):
    """A physical address or a size: hex with 0x or decimal, with K, M, G, T as the kernel has."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value)
        number = -1
        if match:
            found = unsigned(match[1])
            number = -1 if found is None else found << _SUFFIX[match[2].upper()]
        if not 0 <= number < 1 << 64:
            self.fail(f"'{value}' is no address or size below 2^64 (0x1000, 4096, 16M)", param, ctx)
        return number


class Fraction(click.FloatRange):
    """A number within a range, which NaN is not, though no comparison finds it outside."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        found: float = super().convert(value, param, ctx)
        if found != found:
            self.fail(f"'{value}' is no number", param, ctx)
        return found


class Span(click.ParamType[Any]):
    """``START:SIZE``, both numbers."""

    name = "start:size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return ``(start, size)`` in bytes."""
        if isinstance(value, tuple):
            return value[0], value[1]
        start, colon, size = value.partition(":")
        if not colon:
            self.fail(f"'{value}' is not START:SIZE", param, ctx)
        number = Number()
        return number.convert(start, param, ctx), number.convert(size, param, ctx)


class ScratchArray(click.ParamType[Any]):
    """``PHYS:LENGTH`` of the scratch array, or ``none``."""

    name = "phys:length"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int] | str:
        """Return ``(phys, length)`` in bytes, or ``"none"``."""
        return value if value == "none" else Span().convert(value, param, ctx)


class PageSize(Number):
    """One of the page sizes."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        size = super().convert(value, param, ctx)
        if size not in page_sizes():
            self.fail(f"{size} is no page size ({', '.join(map(str, page_sizes()))})", param, ctx)
        return size

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the sizes there are."""
        return offers.words(lambda: map(str, page_sizes()))(ctx, param, incomplete)


class Named(Protocol):
    """Things with names: a registry, or what joins several."""

    def names(self) -> list[str]:
        """Return the names."""


class OneOf(click.Choice[str]):
    """The names of a registry at the time of the call, whatever was registered since the import."""

    def __init__(self, registry: Named) -> None:
        super().__init__(registry.names())
        self._registry = registry

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        self.choices = tuple(self._registry.names())
        return super().convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the names for ``--help``."""
        self.choices = tuple(self._registry.names())
        return super().get_metavar(param, ctx)


class OneOfPlaced(OneOf):
    """A name of a registry, alone or with a file: ``NAME=FILE``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it, the name known."""
        name, equals, path = value.partition("=")
        if equals and not path:
            self.fail(f"'{value}' names no file", param, ctx)
        return f"{super().convert(name, param, ctx)}{equals}{path}"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the names for ``--help``."""
        return f"{super().get_metavar(param, ctx)}[=FILE]"


class Consumer(OneOf):
    """The KHO version that a kernel speaks: a name, or the whole compatible string."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it, known to be a version."""
        if not value.startswith("kho-"):
            return super().convert(value, param, ctx)
        try:
            named(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def given() -> frozenset[str]:
    """Return the names of the parameters that the user gave on the command line."""
    ctx = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    return frozenset(n for n in ctx.params if ctx.get_parameter_source(n) is typed)


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
        help="Look at a copied tree of /proc and /sys in DIR, as a sosreport has, not at this "
        "machine.",
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
            type=click.IntRange(0),
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
            type=click.IntRange(0),
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
