"""config: for people, and as ``hwpkho.config/1``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.report.parts import jsondoc
from hwpkho.report.parts.layout import Column, fold, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.commands.config import File, Setting

SCHEMA = "hwpkho.config/1"


def document(file: File | None, settings: Sequence[Setting]) -> str:
    """Return ``hwpkho.config/1``; ``file`` is None if no hwpkho.toml was found."""
    return jsondoc.dump(SCHEMA, _body(file, settings))


def _body(file: File | None, settings: Sequence[Setting]) -> dict[str, Any]:
    return {
        "file": file.path if file else None,
        "settings": [
            {
                "command": s.offer.command,
                "key": s.offer.key,
                "value": s.value,
                "from": s.origin,
                "where": s.where or None,
            }
            for s in settings
        ],
    }


def text(
    file: File | None, settings: Sequence[Setting], *, every: bool, screen: Screen | None = None
) -> Iterator[str]:
    """Yield a line for each setting that is not a default, or with ``every`` for all of them."""
    screen = screen or Screen()
    named = file.path if file else "none: no hwpkho.toml here or above"
    yield from fold(named, screen.prose, "file  ")
    if screen.detail < 0:
        return
    shown = {name: s for name, s in _named(settings).items() if every or s.origin != "default"}
    if not shown:
        said = "nothing is set: every option has its default (--all shows them)"
        yield from fold(said, screen.prose, "", "  ")
        return
    rows = [(name, _value(s.value), s.where or s.origin) for name, s in shown.items()]
    yield from table((Column(""), Column(""), Column("", wraps=True)), rows, screen)


def _named(settings: Sequence[Setting]) -> dict[str, Setting]:
    """Return settings by name: ``key`` if all commands that have it agree, else ``command.key``."""
    by_key: dict[str, list[Setting]] = {}
    for s in settings:
        by_key.setdefault(s.offer.key, []).append(s)
    found: dict[str, Setting] = {}
    for s in settings:
        alike = all((o.value, o.where) == (s.value, s.where) for o in by_key[s.offer.key])
        found.setdefault(s.offer.key if alike else f"{s.offer.command}.{s.offer.key}", s)
    return found


def _value(value: Any) -> str:
    """Return a value as JSON, printable; None is a dash."""
    return "-" if value is None else printable(json.dumps(value, ensure_ascii=False))
