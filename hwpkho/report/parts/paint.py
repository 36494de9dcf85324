"""ANSI colours for a terminal."""

from __future__ import annotations

from typing import NamedTuple

_CODES = {"error": "1;31", "warning": "33", "note": "36", "head": "1", "dim": "2", "good": "32"}


class Paint(NamedTuple):
    """Puts ANSI colours around text where ``on``; ``text`` must be printable already."""

    on: bool = False

    def __call__(self, style: str, text: str) -> str:
        """Return ``text`` in ``style``: error, warning, note, head, dim or good."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.on else text
