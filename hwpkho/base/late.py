"""Regular expressions that are compiled when they are first used.

Two dozen map formats have two hundred expressions. Compiling all of them takes longer than starting
the interpreter, and one input needs those of one or two formats.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")


class _Late(Generic[AnyStr]):
    """A stand-in for a compiled expression: the first use compiles it and copies its methods."""

    def __init__(self, pattern: AnyStr, flags: int) -> None:
        self._pattern: AnyStr = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # abc asks each attribute of a class whether it is abstract
            raise AttributeError(name)
        compiled = re.compile(self._pattern, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what ``re.compile()`` would; a mistake in ``pattern`` is raised at its first use."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, flags))
