"""What a shell offers for a parameter: words that are asked for when they are needed.

An option whose type has choices offers these. Others, whose names are looked up later or stand in a
list, say here what they offer. :mod:`hwpkho.cli.tree` reads it for the completion files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click
    from click.shell_completion import CompletionItem

    Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def words(names: Callable[[], Iterable[str]], *, listed: bool = False) -> Offer:
    """Return what offers ``names``; ``listed``: several of them, joined by commas."""

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
