"""version: for people, and as ``hwpkho.version/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.report.parts import jsondoc
from hwpkho.report.parts.layout import Column, field, fold, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.commands.version import Found, Installation

SCHEMA = "hwpkho.version/1"


def document(found: Installation) -> str:
    """Return ``hwpkho.version/1``."""
    return jsondoc.dump(SCHEMA, _body(found))


def _body(found: Installation) -> dict[str, Any]:
    return {
        "installed": found.installed,
        "place": found.place,
        "python": {
            "version": found.python,
            "implementation": found.implementation,
            "executable": found.executable or None,
        },
        "system": {"name": found.system, "machine": found.machine},
        "parts": [
            {
                "module": part.part.module,
                "project": part.part.project or None,
                "extra": part.part.extra or None,
                "brings": part.part.brings,
                "version": part.version,
                "usable": not part.problem,
                "problem": part.problem or None,
            }
            for part in found.parts
        ],
    }


def text(found: Installation, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of ``--verbose``."""
    screen = screen or Screen()
    yield f"hwpkho {found.version}"
    python = f"{found.implementation} {found.python}"
    yield from field("installed", f"{found.installed}, {printable(found.place)}", screen, 11)
    yield from field("python", f"{python}, {printable(found.executable or 'unknown')}", screen, 11)
    yield from field("system", f"{found.system} {found.machine}", screen, 11)
    sections = {"libraries": _needed, "of Python": _of_python}
    for title, belongs in sections.items():
        yield f"{title}:"
        yield from _table(filter(belongs, found.parts), screen)
    for extra in dict.fromkeys(p.part.extra for p in found.parts if p.part.extra):
        parts = [p for p in found.parts if p.part.extra == extra]
        whole = not any(p.problem for p in parts)
        said = "complete" if whole else _how(extra, found)
        yield from fold(said, screen.prose, f"extra {extra}: ", "  ")
        yield from _table(parts, screen)


def _needed(found: Found) -> bool:
    return bool(found.part.project) and not found.part.extra


def _of_python(found: Found) -> bool:
    return not found.part.project


def _how(extra: str, found: Installation) -> str:
    """Return how to get an extra. A zipapp holds none: it uses what its Python has installed."""
    if found.installed == "zipapp":
        projects = [p.part.project for p in found.parts if p.part.extra == extra and p.problem]
        return f"incomplete; {' and '.join(projects)} of this Python would be used"
    return f"incomplete; pip install 'hwpkho[{extra}]'"


def _table(parts: Iterable[Found], screen: Screen) -> Iterator[str]:
    """Yield a line for each part: its module, version, and what it brings."""
    rows = [
        (
            found.part.module,
            f"NO: {printable(found.problem)}" if found.problem else found.version or "yes",
            found.part.brings,
        )
        for found in parts
    ]
    return table((Column(""), Column(""), Column("", wraps=True)), rows, screen)
