"""What standard output can show."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hwpkho.report.parts.paint import for_stream
from hwpkho.report.validate.formats import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hwpkho.judge.result import Finding


def context(notes: Callable[[], Sequence[Finding]] = tuple) -> Context:
    """Return what suits standard output: colours on a terminal, block characters if it has them."""
    try:
        "█·".encode(sys.stdout.encoding or "ascii")
        blocks = True
    except (UnicodeEncodeError, LookupError):
        blocks = False
    return Context(for_stream(sys.stdout), blocks, notes)
