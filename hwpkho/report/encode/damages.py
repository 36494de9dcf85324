"""The damages that encode can do, for people and as ``hwpkho.damages/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.encode.damage.registry import DAMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = "hwpkho.damages/1"


def body() -> dict[str, Any]:
    """Return the document's fields."""
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


def report() -> Iterator[str]:
    """Yield a line for each damage."""
    width = max(map(len, DAMAGES.names()))
    for damage in DAMAGES:
        needs = ", ".join(need.text for need in damage.needs)
        about = f"{damage.about}; judged by {damage.judge}"
        yield f"{damage.name:<{width}}  {about}" + (f"; needs {needs}" if needs else "")
