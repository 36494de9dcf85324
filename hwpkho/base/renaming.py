"""Renaming a finished file or folder to its target, atomically where the file system can.

renameat2(2) exchanges two names, so that the target exists at every moment, and can refuse to
replace anything. Without it (old kernels, some network file systems) a file is linked or renamed,
which is atomic too. A folder is not: the old one is moved aside before the new one takes its place,
and moved back if that fails.
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
#: Errors that mean that the kernel or the file system lacks renameat2() with that flag.
_MISSING = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


def put(part: Path, target: Path, *, force: bool) -> None:
    """Rename ``part`` to ``target``; what was at ``target`` is then at ``part``, for undoing.

    Without ``force`` nothing is replaced. Raises OSError where it cannot be done.
    """
    if force and os.path.lexists(target):
        if not _renameat2(part, target, _EXCHANGE):
            _replace(part, target)
    elif not _renameat2(part, target, _NOREPLACE):
        if part.is_dir():
            part.rename(target)  # rename(2) replaces only an empty folder
        else:
            _link(part, target)


def take_back(part: Path, target: Path) -> None:
    """Undo :func:`put`. Raises OSError where it cannot be done."""
    if not os.path.lexists(part):
        target.rename(part)
    elif not _renameat2(part, target, _EXCHANGE):
        _replace(part, target)


def _replace(part: Path, target: Path) -> None:
    """Exchange the two without renameat2(), in several steps."""
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
    """Rename a file; unlike rename(2), link(2) never replaces a file that was made meanwhile."""
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
    """Call renameat2(2); return False where the system lacks it. Raises OSError if it fails."""
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
