"""Regular expressions made from others."""

from __future__ import annotations

import re


def begun(text: str) -> str:
    """Return an expression for every beginning of ``text``, one letter at least."""
    pattern = ""
    for letter in reversed(text):
        pattern = re.escape(letter) + (f"(?:{pattern})?" if pattern else "")
    return pattern
