"""Helpers to write regular expressions."""

from __future__ import annotations

import re


def begun(text: str) -> str:
    """Return an expression that matches every non-empty prefix of ``text``."""
    pattern = ""
    for letter in reversed(text):
        pattern = re.escape(letter) + (f"(?:{pattern})?" if pattern else "")
    return pattern
