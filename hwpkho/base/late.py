"""Regular expressions that are compiled when they are first used.

Two dozen forms of memory map have two hundred of them. To compile all takes longer than to start
the interpreter, and an input has lines of one or two forms.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")


class _Late(Generic[AnyStr]):
    """Stands for a compiled expression; its methods are that one's from the first use on."""

    def __init__(self, pattern: AnyStr, flags: int) -> None:
        self._pattern: AnyStr = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._pattern, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what ``re.compile()`` would; a mistake in ``pattern`` is raised at its first use."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, flags))
