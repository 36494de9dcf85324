"""Restricts which files may be opened: a case of a batch reads nothing outside the batch."""

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

#: The only folders and files that may be opened: real paths, each with ``/`` at its end. None: any.
_confined: ContextVar[tuple[str, ...] | None] = ContextVar("_confined", default=None)


class Outside(NamedTuple):
    """Words for the message about a path outside.

    Attributes:
        said: What is wrong with the path.
        allows: The option that allows it, spelled for the caller; empty where there is none.
    """

    said: str = "is outside the batch's folder"
    allows: str = "--outside"


#: For a case of a batch on the command line.
OF_BATCH = Outside()
_outside: ContextVar[Outside] = ContextVar("_outside", default=OF_BATCH)


class OutsideError(InputError):
    """A path leads outside; ``said`` is the message without the option that allows it."""

    def __init__(self, said: str, allows: str) -> None:
        super().__init__(f"{said}; {allows} allows that" if allows else said)
        self.said = said


def resolved(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the real paths of ``paths``, for :func:`confined`."""
    return tuple(_where(path)[0] for path in paths)


@contextmanager
def confined(to: Iterable[str] | None, outside: Outside = OF_BATCH) -> Iterator[None]:
    """Within the block, open only regular files, and only inside the real paths ``to``.

    None lifts the restriction. ``outside`` words the message about other paths.
    """
    token = _confined.set(None if to is None else tuple(f"{root.rstrip('/')}/" for root in to))
    said = _outside.set(outside)
    try:
        yield
    finally:
        _outside.reset(said)
        _confined.reset(token)


def active() -> bool:
    """Tell whether a restriction is in force."""
    return _confined.get() is not None


def check_inside(path: str) -> str:
    """Return the real path of ``path``, without opening it for reading.

    Raises OutsideError if it is outside what :func:`confined` allows, InputError without /proc.
    """
    return _inside(path)[0]


def reached(path: str) -> int:
    """Return an O_PATH descriptor of ``path``, to be opened through ``/proc/self/fd``.

    O_PATH does not open a FIFO or a device yet. The path is resolved once, so nobody can replace
    the file between the check and the read. Raises OutsideError where it is outside, OSError where
    nothing is there.
    """
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        check_inside(path)  # do not even reveal that a path outside does not exist
        raise
    try:
        _check(_place_of(found), path)
    except BaseException:
        os.close(found)
        raise
    return found


def check_tree(path: str) -> None:
    """Raise OutsideError where a folder, or a link anywhere below it, leads outside.

    Hidden names directly in ``path`` are skipped: nothing reads them. Files are checked when they
    are opened.
    """
    # Path.is_dir() raises without permission; opening the path later says so with a better message.
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
    """Return the real path, and whether it is a folder.

    The kernel resolves the links, in one step and exactly as it does for open().
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
        # A Path object costs more than the call, and a batch calls this for each file of each case.
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError as error:
        raise InputError("/proc: is not mounted; a batch needs it") from error
