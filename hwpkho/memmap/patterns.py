"""Helpers to write regular expressions."""

from __future__ import annotations

import re


def mixed_case(number: str) -> bool:
    """Tell whether a hex number mixes upper and lower case: no program does, so it is damaged."""
    return number not in (number.lower(), number.upper())


def begun(text: str) -> str:
    """Return an expression that matches every non-empty prefix of ``text``."""
    pattern = ""
    for letter in reversed(text):
        pattern = re.escape(letter) + (f"(?:{pattern})?" if pattern else "")
    return pattern
