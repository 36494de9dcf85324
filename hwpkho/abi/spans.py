"""The parts of a structure in memory and what they mean, for ``decode --annotate``."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """One part: ``offset`` and ``size`` in bytes, and its meaning as text."""

    offset: int
    size: int
    meaning: str
