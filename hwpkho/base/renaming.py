"""Putting something complete in its place, in one step wherever the file system has one.

renameat2(2) exchanges two names, so that there is no moment without either, and can refuse to
replace anything. Where it is missing (old kernels, some network file systems) a file is linked or
renamed, which is one step as well; a folder is not: the old one is moved aside before the new one
takes its place, and back if that fails.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_NOREPLACE, _EXCHANGE = 1, 2
_AT_FDCWD = -100
#: What says that there is no such step here.
_MISSING = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


def put(part: Path, target: Path, *, force: bool) -> None:
    """Give ``part`` the name ``target``; what had it is then called ``part`` until removed.

    Without ``force`` nothing is replaced. Raises OSError where it cannot be done.
    """
    if force and os.path.lexists(target):
        if not _renameat2(part, target, _EXCHANGE):
            _replace(part, target)
    elif not _renameat2(part, target, _NOREPLACE):
        if part.is_dir():
            part.rename(target)  # which takes the place of an empty folder only
        else:
            _link(part, target)


def take_back(part: Path, target: Path) -> None:
    """Undo :func:`put`."""
    if not os.path.lexists(part):
        target.rename(part)
    elif not _renameat2(part, target, _EXCHANGE):
        _replace(part, target)


def _replace(part: Path, target: Path) -> None:
    """Exchange both in several steps."""
    aside = part.with_suffix(".old")
    if not part.is_dir():
        try:
            try:
                os.link(target, aside)  # the old file stays in its place until the new one takes it
            except OSError:
                import shutil

                shutil.copy2(target, aside)
            part.replace(target)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        aside.rename(part)
        return
    target.rename(aside)
    try:
        part.rename(target)
    except OSError:
        aside.rename(target)
        raise
    aside.rename(part)


def _link(part: Path, target: Path) -> None:
    """Unlike a rename, a link never takes the place of a file that somebody made meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        part.rename(target)
    else:
        part.unlink()


def _renameat2(old: Path, new: Path, flags: int) -> bool:
    """Return False where this system or file system has no such call. Raises OSError."""
    call = _call()
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _MISSING:
        return False
    raise OSError(number, os.strerror(number), str(old), None, str(new))


@cache
def _call() -> Any:
    """Return the C library's renameat2(), None where it has none."""
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
