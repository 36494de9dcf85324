"""Regular expressions that are compiled when they are first used.

The forms of memory maps have a hundred, of which reading one map uses a few: to compile them all
takes longer than to read it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, AnyStr, cast

if TYPE_CHECKING:
    from typing import Any


def lazily(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what is used as ``re.compile(pattern, flags)`` is."""
    return cast("re.Pattern[AnyStr]", _Lazy(pattern, flags))


class _Lazy:
    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._pattern: Any = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of no pattern; and who copies asks before there is one
            raise AttributeError(name)
        # Only the first time: then it is this object's own.
        value = getattr(re.compile(self._pattern, self._flags), name)
        setattr(self, name, value)
        return value


def begun(text: str) -> str:
    """Return an expression for every beginning of ``text``, one letter at least."""
    pattern = ""
    for letter in reversed(text):
        pattern = re.escape(letter) + (f"(?:{pattern})?" if pattern else "")
    return pattern
