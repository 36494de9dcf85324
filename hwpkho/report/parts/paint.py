"""Colours for a terminal, and for nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TextIO

_CODES = {"error": "1;31", "warning": "33", "note": "36", "head": "1", "dim": "2", "good": "32"}


class Paint(NamedTuple):
    """Puts ANSI colours around text where ``on``; ``text`` must be printable already."""

    on: bool = False

    def __call__(self, style: str, text: str) -> str:
        """Return ``text`` in ``style``: error, warning, note, head, dim or good."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.on else text


def for_stream(stream: TextIO) -> Paint:
    """Return what suits ``stream``: colours on a terminal unless NO_COLOR is set or it is dumb."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Paint(wanted and stream.isatty())
