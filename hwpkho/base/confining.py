"""Keeps what is opened within folders: a case of a batch reads nothing outside it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Folders and files outside which nothing is opened, resolved; None: anything may be.
_confined: ContextVar[tuple[str, ...] | None] = ContextVar("_confined", default=None)
_OUTSIDE_BATCH = "is outside the batch's folder; --outside allows that"
#: What is said of what is outside.
_outside: ContextVar[str] = ContextVar("_outside", default=_OUTSIDE_BATCH)


@contextmanager
def confined(to: Iterable[str] | None, outside: str = _OUTSIDE_BATCH) -> Iterator[None]:
    """Within the block open nothing outside the paths ``to``, links resolved.

    Nor anything but files. None confines nothing. ``outside`` is what is said of other paths.
    """
    token = _confined.set(None if to is None else tuple(os.path.realpath(p) for p in to))
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
    real = os.path.realpath(path)
    roots = _confined.get()
    if roots is None:
        return real
    if not any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots):
        raise InputError(f"{printable(path)}: {_outside.get()}")
    return real


def check_tree(path: str) -> None:
    """Raise InputError where ``path``, or a link anywhere below it, leads outside what is allowed.

    Hidden names directly in ``path`` are passed over: nothing reads them.
    """
    if _confined.get() is None:
        return
    todo, seen = [path], set[str]()
    while todo:
        at = todo.pop()
        real = check_inside(at)
        if real in seen or not Path(real).is_dir():
            continue
        seen.add(real)
        with os.scandir(real) as entries:
            todo += [
                str(Path(at) / e.name)
                for e in entries
                if (e.is_symlink() or e.is_dir(follow_symlinks=False))
                and not (at == path and e.name.startswith("."))
            ]
