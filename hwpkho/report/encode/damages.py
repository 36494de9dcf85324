"""The ways in which encode --damage breaks a handover, for people and as ``hwpkho.damages/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.report.parts.layout import Column, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = "hwpkho.damages/1"


def body() -> dict[str, Any]:
    """Return the fields of ``hwpkho.damages/1``."""
    return {
        "damages": [
            {
                "name": damage.name,
                "about": damage.about,
                "judge": damage.judge,
                "needs": [need.text for need in damage.needs],
            }
            for damage in DAMAGES
        ]
    }


def report(screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the table; with --quiet the names alone."""
    screen = screen or Screen()
    rows = []
    for damage in DAMAGES:
        needs = ", ".join(need.text for need in damage.needs)
        about = f"{damage.about}; judged by {damage.judge}"
        about += f"; needs {needs}" if needs else ""
        rows.append((damage.name, about if screen.detail >= 0 else ""))
    return table((Column(""), Column("", wraps=True)), rows, screen, "")
