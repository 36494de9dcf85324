"""Names of options in messages, spelled for the caller, and which options he can give.

For the parameter ``page_size`` a message to a command's user says ``--page-size 4096``, one to a
program ``page_size=4096``. Advice names an option only where the command that runs has it
(:func:`taken`); otherwise it is a whole command line (:func:`command`).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Whether the caller is a program that uses the library.
_LIBRARY = ContextVar("library", default=False)
#: Tells whether the running command has an option for a parameter, and accepts the given value.
_TAKEN: ContextVar[Callable[[str, str | None], bool]] = ContextVar("taken")
#: Parameters of commands that no function of the library has.
_COMMANDS_ALONE = ("batch",)
#: Parameters whose option has another name.
_OPTIONS = {"map_name": "map", "form": "from", "place_by": "memmap"}


def option(parameter: str, value: object = None) -> str:
    """Return ``parameter`` as the caller spells it, with ``value`` if given."""
    if _LIBRARY.get():
        return parameter if value is None else f"{parameter}={value}"
    spelled = f"--{_OPTIONS.get(parameter, parameter).replace('_', '-')}"
    return spelled if value is None else f"{spelled} {value}"


def areas(parameter: str) -> str:
    """Return ``parameter``, which takes areas of memory, with the form of one as its value."""
    return option(parameter, called("[(START, SIZE)]", "START:SIZE"))


def called(parameter: str, otherwise: str) -> str:
    """Return ``parameter`` for a program, ``otherwise`` for a command's user.

    For values that a user need not have given as an option.
    """
    return parameter if _LIBRARY.get() else otherwise


def is_library() -> bool:
    """Tell whether the caller is a program that uses the library."""
    return _LIBRARY.get()


def taken(parameter: str, value: str | None = None) -> bool:
    """Tell whether the running command has an option for ``parameter`` that accepts ``value``.

    For a program: whether any function of the library has the parameter.
    """
    if _LIBRARY.get():
        return parameter not in _COMMANDS_ALONE
    takes = _TAKEN.get(None)
    return takes is not None and takes(parameter, value)


def command(name: str, *words: str) -> str:
    """Return a command line that a user can paste, quoted for the shell: ``hwpkho decode vmcore``.

    FILE stands for a word that a terminal cannot show.
    """
    import shlex  # few calls say what to type

    typed = (shlex.quote(w) if printable(w) == w else "FILE" for w in words)
    return " ".join(("hwpkho", name, *typed))


@contextmanager
def of_library() -> Iterator[None]:
    """Within the block, spell options as parameters of the library."""
    token = _LIBRARY.set(True)
    try:
        yield
    finally:
        _LIBRARY.reset(token)


def nothing(_parameter: str, _value: str | None) -> bool:
    """Return False: for one case of a batch, whose options are for all of its cases."""
    return False


@contextmanager
def of_command(takes: Callable[[str, str | None], bool]) -> Iterator[None]:
    """Within the block, ``takes(parameter, value)`` answers :func:`taken`."""
    token = _TAKEN.set(takes)
    try:
        yield
    finally:
        _TAKEN.reset(token)
