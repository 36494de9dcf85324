"""Names of options in messages, spelled as the caller wrote them, and which of them there are.

A message names a parameter of the library; the command line spells that ``--page-size 4096``, the
library ``page_size=4096``. It is text from the start, so that other messages can contain it.
Advice names an option only where the command that runs has it (:func:`taken`), else it is a whole
command line (:func:`command`).
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Whether the caller is a program that uses the library.
_LIBRARY = ContextVar("library", default=False)
#: Tells whether the command that runs takes a parameter, with that value where there is one.
_TAKEN: ContextVar[Callable[[str, str | None], bool]] = ContextVar("taken")
#: What no function of the library takes.
_COMMANDS_ALONE = ("batch",)
#: Parameters whose option has another name.
_OPTIONS = {"map_name": "map", "form": "from", "place_by": "memmap"}


def option(parameter: str, value: object = None) -> str:
    """Return how the caller spells ``parameter``, with ``value`` where there is one."""
    if _LIBRARY.get():
        return parameter if value is None else f"{parameter}={value}"
    spelled = f"--{_OPTIONS.get(parameter, parameter).replace('_', '-')}"
    return spelled if value is None else f"{spelled} {value}"


def called(parameter: str, otherwise: str) -> str:
    """Return ``parameter`` to a program, another word to a user, who may have it from elsewhere."""
    return parameter if _LIBRARY.get() else otherwise


def taken(parameter: str, value: str | None = None) -> bool:
    """Tell whether the caller can give ``parameter`` where he is: his command has that option.

    The library has every parameter somewhere, but those of commands alone.
    """
    if _LIBRARY.get():
        return parameter not in _COMMANDS_ALONE
    takes = _TAKEN.get(None)
    return takes is not None and takes(parameter, value)


def command(name: str, *words: str) -> str:
    """Return a command line as a user types it: ``hwpkho decode vmcore``.

    A word that a terminal cannot show is not typed either: FILE stands for it.
    """
    typed = (shlex.quote(w) if printable(w) == w else "FILE" for w in words)
    return " ".join(("hwpkho", name, *typed))


@contextmanager
def of_library() -> Iterator[None]:
    """Spell options as parameters within the block."""
    token = _LIBRARY.set(True)
    try:
        yield
    finally:
        _LIBRARY.reset(token)


def nothing(_parameter: str, _value: str | None) -> bool:
    """Tell, for a case of many, that no option is about it alone."""
    return False


@contextmanager
def of_command(takes: Callable[[str, str | None], bool]) -> Iterator[None]:
    """Within the block ``takes`` tells what the command that runs takes."""
    token = _TAKEN.set(takes)
    try:
        yield
    finally:
        _TAKEN.reset(token)
