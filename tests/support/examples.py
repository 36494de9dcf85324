"""How many examples of a property: a multiple of what the profile has, see tests/conftest.py."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def times(factor: float, **more: Any) -> settings:
    """Return settings with so many times the profile's examples: cheap ones many, dear ones few."""
    return settings(max_examples=max(2, round(settings().max_examples * factor)), **more)
