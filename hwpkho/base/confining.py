"""Keeps what is opened within folders: a case of a batch reads nothing outside it."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Folders and files outside which nothing is opened, resolved, each with ``/`` at its end; None:
#: anything may be.
_confined: ContextVar[tuple[str, ...] | None] = ContextVar("_confined", default=None)


class Outside(NamedTuple):
    """What is said of what is outside.

    Attributes:
        said: What it is.
        allows: What allows it, as who runs hwpkho spells that; empty where nothing does.
    """

    said: str = "is outside the batch's folder"
    allows: str = "--outside"


#: What the command line says of a case.
OF_BATCH = Outside()
_outside: ContextVar[Outside] = ContextVar("_outside", default=OF_BATCH)


class OutsideError(InputError):
    """A path leads where nothing is opened; ``said`` is the message without what allows it."""

    def __init__(self, said: str, allows: str) -> None:
        super().__init__(f"{said}; {allows} allows that" if allows else said)
        self.said = said


def resolved(paths: Iterable[str]) -> tuple[str, ...]:
    """Return where ``paths`` are, links resolved: what :func:`confined` takes."""
    return tuple(_where(path)[0] for path in paths)


@contextmanager
def confined(to: Iterable[str] | None, outside: Outside = OF_BATCH) -> Iterator[None]:
    """Within the block open nothing outside the paths ``to``, of which links are resolved.

    Nor anything but files. None confines nothing. ``outside`` is what is said of other paths.
    """
    token = _confined.set(None if to is None else tuple(f"{root.rstrip('/')}/" for root in to))
    said = _outside.set(outside)
    try:
        yield
    finally:
        _outside.reset(said)
        _confined.reset(token)


def active() -> bool:
    """Tell whether anything is confined."""
    return _confined.get() is not None


def check_inside(path: str) -> str:
    """Return where ``path`` is, links resolved.

    Raises InputError if it is outside what :func:`confined` allows; nothing is read.
    """
    return _inside(path)[0]


def reached(path: str) -> int:
    """Return a descriptor of what is at ``path``, which is inside, to be opened by ``/proc``.

    It is O_PATH: even a FIFO or a device is not opened yet. The path is followed once, so that
    nobody can put something else there between the check and the reading. Raises InputError where
    it is outside, OSError where nothing is there.
    """
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        check_inside(path)  # of what is outside nothing is told, not even that it is not there
        raise
    try:
        _check(_place_of(found), path)
    except BaseException:
        os.close(found)
        raise
    return found


def check_tree(path: str) -> None:
    """Raise InputError where a folder, or a link anywhere below it, leads outside what is allowed.

    Hidden names directly in ``path`` are passed over: nothing reads them. A file is checked where
    it is opened, and not here as well.
    """
    # Path raises where a place may not be looked at; what opens it says that.
    if _confined.get() is None or not os.path.isdir(path):  # noqa: PTH112
        return
    todo, seen = [path], set[str]()
    while todo:
        at = todo.pop()
        real, folder = _inside(at)
        if real in seen or not folder:
            continue
        seen.add(real)
        with os.scandir(real) as entries:
            todo += [
                f"{at.rstrip('/')}/{e.name}"
                for e in entries
                if (e.is_symlink() or e.is_dir(follow_symlinks=False))
                and not (at == path and e.name.startswith("."))
            ]


def _check(real: str, path: str) -> None:
    roots = _confined.get()
    if roots is not None and not f"{real}/".startswith(roots):
        outside = _outside.get()
        raise OutsideError(f"{printable(path)}: {outside.said}", outside.allows)


def _inside(path: str) -> tuple[str, bool]:
    found = _where(path)
    _check(found[0], path)
    return found


def _where(path: str) -> tuple[str, bool]:
    """Return where a path leads, and whether a folder is there.

    The kernel follows its links, at once and as it does to open it.
    """
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return os.path.realpath(path), False
    try:
        return _place_of(found), stat.S_ISDIR(os.fstat(found).st_mode)
    finally:
        os.close(found)


def _place_of(descriptor: int) -> str:
    try:
        # A Path costs more than the call, and a batch makes it for each file of each case.
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError as error:
        raise InputError("/proc: is not mounted; a batch needs it") from error
