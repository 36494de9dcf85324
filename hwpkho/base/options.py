"""Names of options in messages, spelled as the caller wrote them.

A message names a parameter of the library; the command line spells that ``--page-size 4096``, the
library ``page_size=4096``. It is text from the start, so that other messages can contain it.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Whether the caller is a program that uses the library.
_LIBRARY = ContextVar("library", default=False)
#: Parameters whose option has another name.
_OPTIONS = {"map_name": "map", "form": "from", "place_by": "memmap"}


def option(parameter: str, value: object = None) -> str:
    """Return how the caller spells ``parameter``, with ``value`` where there is one."""
    if _LIBRARY.get():
        return parameter if value is None else f"{parameter}={value}"
    spelled = f"--{_OPTIONS.get(parameter, parameter).replace('_', '-')}"
    return spelled if value is None else f"{spelled} {value}"


@contextmanager
def of_library() -> Iterator[None]:
    """Spell options as parameters within the block."""
    token = _LIBRARY.set(True)
    try:
        yield
    finally:
        _LIBRARY.reset(token)
