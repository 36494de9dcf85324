"""Words that a shell completes for a parameter, looked up when they are needed.

An option whose type has choices needs nothing from here. Other parameters use :func:`words` as
their ``shell_complete``; :mod:`hwpkho.cli.tree` calls it for the completion scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click
    from click.shell_completion import CompletionItem

    Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def words(names: Callable[[], Iterable[str]], *, listed: bool = False) -> Offer:
    """Return a ``shell_complete`` that offers ``names``; ``listed``: several joined by commas."""

    def offer(
        _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        before, comma, last = incomplete.rpartition(",") if listed else ("", "", incomplete)
        return [
            CompletionItem(f"{before}{comma}{name}", listed=listed)
            for name in names()
            if name.startswith(last)
        ]

    return offer


def codes() -> Iterable[str]:
    """Return every code by its id, then by its name."""
    from hwpkho.codes import registry

    known = registry().values()
    return [*(code.id for code in known), *(code.name for code in known)]


def maps() -> Iterable[str]:
    """Return the names of all maps of memory."""
    from hwpkho.memmap.names import MAP_NAMES

    return MAP_NAMES.names()
