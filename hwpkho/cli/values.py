"""click types for the values of options: numbers with their units, names from registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import click

from hwpkho.base.arch import page_sizes
from hwpkho.base.digits import byte_count
from hwpkho.cli import offers
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem


class Number(click.ParamType[int]):
    """An address or size in bytes: hex with 0x or decimal, with a suffix as in memparse()."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes, below 2^64."""
        if isinstance(value, int):
            return value
        number = byte_count(value)
        if number is None:
            self.fail(
                f"'{value}' is not an address or size below 2^64, such as 0x1000, 4096 or 16M",
                param,
                ctx,
            )
        return number


class Count(click.IntRange):
    """A whole number within a range."""

    name = "whole number"


class Fraction(click.FloatRange):
    """A number within a range. Refuses NaN, which click's own check of the range lets pass."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        found: float = super().convert(value, param, ctx)
        if found != found:
            self.fail(f"'{value}' is not a number", param, ctx)
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
    """A page size that some architecture has, in bytes; written as a :class:`Number`."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        size = super().convert(value, param, ctx)
        if size not in page_sizes():
            self.fail(
                f"{size} is not a page size ({', '.join(map(str, page_sizes()))})", param, ctx
            )
        return size

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer all page sizes."""
        return offers.words(lambda: map(str, page_sizes()))(ctx, param, incomplete)


class Named(Protocol):
    """Something with names, such as a registry."""

    def names(self) -> list[str]:
        """Return the names."""


class OneOf(click.Choice[str]):
    """A name of a registry, as it is at the time of the call: entries may be added after import."""

    def __init__(self, registry: Named) -> None:
        self._registry = registry
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:
        """The names at present."""
        return tuple(self._registry.names())

    @choices.setter
    def choices(self, _given: tuple[str, ...]) -> None:
        """Ignore what click sets: the registry has the names."""


class OneOfPlaced(OneOf):
    """A name of a registry, alone or with a file: ``NAME=FILE``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return ``NAME`` or ``NAME=FILE``, the name checked."""
        name, equals, path = value.partition("=")
        if equals and not path:
            self.fail(f"'{value}' names no file", param, ctx)
        return f"{super().convert(name, param, ctx)}{equals}{path}"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the names, with ``[=FILE]``, for ``--help``."""
        return f"{super().get_metavar(param, ctx)}[=FILE]"


class Words(click.ParamType[str]):
    """Words separated by commas. ``check`` gets the text and raises UsageError for a wrong word."""

    name = "words"

    def __init__(self, check: Callable[[list[str]], object]) -> None:
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it was given, checked."""
        try:
            self._check([value])
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)
