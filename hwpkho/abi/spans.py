"""Parts of a structure and what they mean, for ``decode --annotate``."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """Bytes of a structure and what they mean; ``offset`` and ``size`` in bytes."""

    offset: int
    size: int
    meaning: str
