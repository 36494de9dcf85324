"""Writing files and folders: whole or not at all, and never over something by accident.

What is written goes beside its place under another name first, and takes its place in one step.
``-`` is standard output.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hwpkho.errors import InputError, UsageError
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

STDOUT = "-"


def check_file(path: str, *, force: bool) -> None:
    """Raise UsageError where :func:`file` would not write to ``path``, without touching it."""
    if path == STDOUT:
        return
    kind = _kind(Path(path))
    if kind is None or _is_stream(kind):
        return
    if not stat.S_ISREG(kind):
        raise UsageError(f"{printable(path)}: exists and is no regular file")
    if not force:
        raise UsageError(f"{printable(path)}: exists; give --force to overwrite it")


class _Stream(io.BufferedIOBase):
    """Something that takes bytes one after the other, even where it could be sought in.

    Standard output may be a file that others append to.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._out.write(data)


@contextmanager
def file(path: str, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open ``path`` for writing; it appears under its name when the block ends well.

    Raises UsageError where it exists and ``force`` is not given, or is no regular file; character
    devices and pipes are written to as they are. Raises InputError where it cannot be written.
    """
    check_file(path, force=force)
    if path == STDOUT:
        yield cast("BinaryIO", _Stream(sys.stdout.buffer))
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))
    kind = _kind(target)
    if kind is not None and _is_stream(kind):
        with _named(path), target.open("wb") as stream:
            yield cast("BinaryIO", _Stream(stream))
        return
    part = _beside(target)
    with _named(path):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with _named(path), os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        with _named(path):
            _commit_file(part, target, force=force)
    finally:
        part.unlink(missing_ok=True)


def _commit_file(part: Path, target: Path, *, force: bool) -> None:
    if force:
        part.replace(target)
        return
    try:
        # Unlike a rename, a link never takes the place of a file that somebody made meanwhile.
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        check_file(str(target), force=force)  # a file system without links
        part.replace(target)


def check_folder(path: str, ours: Callable[[str], bool], *, force: bool) -> None:
    """Raise UsageError where :func:`folder` would not write to ``path``, without touching it."""
    target = Path(path)
    kind = _kind(target)
    if kind is None:
        return
    name = printable(path)
    if not stat.S_ISDIR(kind):
        raise UsageError(f"{name}: exists and is no folder")
    inside = [entry.name for entry in target.iterdir()]
    foreign = next((n for n in sorted(inside) if not ours(n)), None)
    if foreign is not None:
        raise UsageError(f"{name}: holds {printable(foreign)}, which is none of ours to replace")
    if inside and not force:
        raise UsageError(f"{name}: exists; give --force to overwrite it")


@contextmanager
def folder(path: str, ours: Callable[[str], bool], *, force: bool = False) -> Iterator[Path]:
    """Yield a new folder to fill; it takes the place of ``path`` when the block ends well.

    A folder that exists is only replaced where it is empty, or with ``force`` where ``ours`` knows
    the name of everything in it; UsageError otherwise. InputError where it cannot be written.
    """
    check_folder(path, ours, force=force)
    target = Path(os.path.realpath(path))
    part = _beside(target)
    with _named(path):
        part.mkdir()
    try:
        with _named(path):
            yield part
            check_folder(path, ours, force=force)
            _commit_folder(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _commit_folder(part: Path, target: Path) -> None:
    try:
        part.rename(target)  # also takes the place of an empty folder
    except OSError:
        if not target.is_dir():
            raise
        old = _beside(target)
        target.rename(old)
        try:
            part.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old)


def _kind(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror or error}") from error


def _is_stream(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _beside(target: Path) -> Path:
    return target.with_name(f".hwpkho-{secrets.token_hex(8)}.part")


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Say which output an operating system error is about."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"{printable(path)}: {error.strerror or error}") from error
