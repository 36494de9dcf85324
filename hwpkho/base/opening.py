"""Opens what a user named, or what is in a folder; it never waits for what is not a file.

A named FIFO, a socket or a terminal may never say anything, a device never end. So only files are
read, beside what the user's shell handed over (``-``, ``/dev/fd/N`` of a process substitution) and,
where memory is read, the devices that show it. Compressed files are read as what they hold.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import unpacking
from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

STDIN = "-"
_HANDED = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/[0-9]{1,9}")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS = {
    stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}  # fmt: skip

_OUTSIDE_BATCH = "is outside the batch's folder; --outside allows that"

#: Folders and files outside which nothing is opened, resolved; None: anything may be.
_confined: ContextVar[tuple[str, ...] | None] = ContextVar("_confined", default=None)
#: What is said of what is outside.
_outside: ContextVar[str] = ContextVar("_outside", default=_OUTSIDE_BATCH)
#: Files that a program has open itself: the names that stand for them, and their descriptors.
_lent: ContextVar[dict[str, int] | None] = ContextVar("_lent", default=None)
#: What was unpacked before: which file at which moment, and the descriptor of what it holds.
_kept: ContextVar[dict[tuple[int, ...], int] | None] = ContextVar("_kept", default=None)
#: So many are kept.
_MAX_KEPT = 8


@contextmanager
def lent(file: BinaryIO) -> Iterator[str]:
    """Yield a name under which ``file``, open for reading bytes, can be opened in the block.

    It is read from its beginning, and its position stays; of what is no file on a disk the rest is
    copied to an unnamed temporary file first. Raises InputError where it cannot be read.
    """
    own = getattr(file, "name", None)
    shown = own if own and isinstance(own, str) else type(file).__name__
    others = _lent.get() or {}
    name = f"<{shown}>"
    while name in others:
        name = f"{name[:-1]}'>"
    try:
        descriptor = _independent(file)
    except (OSError, ValueError) as error:
        raise _failed(name, error) from error
    token = _lent.set({**others, name: descriptor})
    try:
        yield name
    finally:
        _lent.reset(token)
        os.close(descriptor)


def _independent(file: BinaryIO) -> int:
    """Return a descriptor of all bytes of ``file``: its own, or that of a copy."""
    raw = getattr(file, "raw", file)
    if isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        if file.writable():
            file.flush()
        return os.dup(raw.fileno())
    import tempfile  # a third of the standard library hangs on it

    position = file.tell() if file.seekable() else None
    with tempfile.TemporaryFile() as spool:
        if position is not None:
            file.seek(0)
        while chunk := file.read(1 << 20):
            spool.write(chunk)
        if position is not None:
            file.seek(position)
        spool.flush()
        return os.dup(spool.fileno())


@contextmanager
def kept() -> Iterator[None]:
    """Within the block unpack a compressed file once, though it is opened several times."""
    if _kept.get() is not None:
        yield
        return
    found: dict[tuple[int, ...], int] = {}
    token = _kept.set(found)
    try:
        yield
    finally:
        _kept.reset(token)
        for descriptor in found.values():
            os.close(descriptor)


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


def regular(path: str, *, as_is: bool = False, enough: int | None = None) -> int:
    """Return a descriptor of the file ``path``, unpacked unless it is to be read ``as_is``.

    Of a compressed one ``enough`` bytes may do. Raises InputError where it is none.
    """
    descriptor = _open(path, handed=False, devices=False)
    return descriptor if as_is else _plain(descriptor, path, enough)


def stream(path: str) -> int:
    """As :func:`regular`; what the shell handed over may be a pipe or a terminal, too.

    What comes through a pipe may be compressed still: see :func:`unpacked`.
    """
    return _plain(_open(path, handed=True, devices=False), path)


def memory(path: str) -> int:
    """As :func:`stream`; the user may name a device, too."""
    return _plain(_open(path, handed=True, devices=True), path)


def unpacked(descriptor: int, path: str, head: bytes) -> int | None:
    """Return a descriptor of what a pipe holds if that is compressed, else None.

    ``head`` was read from it before. Raises InputError where it cannot be unpacked.
    """
    method = unpacking.method_of(head[: unpacking.HEAD])
    if method is None:
        return None
    return unpacking.unpacked(descriptor, method, named(path), head=head)


def named(path: str) -> str:
    """Return what messages call the input ``path``."""
    return "standard input" if path == STDIN else printable(path)


def _plain(descriptor: int, path: str, enough: int | None = None) -> int:
    """Return ``descriptor``, or in its place that of what a compressed file holds."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return descriptor
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        method = unpacking.method_of(os.pread(descriptor, unpacking.HEAD, at))
        if method is None:
            return descriptor
        known, key = _kept.get(), (status.st_dev, status.st_ino, status.st_mtime_ns, at)
        if known is None or enough is not None:
            found = unpacking.unpacked(descriptor, method, named(path), enough=enough)
        else:
            if key not in known:
                if len(known) >= _MAX_KEPT:
                    os.close(known.pop(next(iter(known))))
                known[key] = unpacking.unpacked(descriptor, method, named(path))
            # Opened anew, so that everybody reads from the beginning.
            found = os.open(f"/proc/self/fd/{known[key]}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        os.close(descriptor)
        raise _failed(path, error) from error
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return found


def small(path: str, limit: int) -> bytes:
    """Return the file's first ``limit`` bytes and perhaps one more. InputError as above."""
    descriptor = regular(path, enough=limit + 1)
    try:
        return read_all(descriptor, limit + 1)
    except OSError as error:
        raise _failed(path, error) from error
    finally:
        os.close(descriptor)


def read_all(descriptor: int, size: int) -> bytes:
    """Return ``size`` bytes, fewer only at the end; a pipe gives little at a time."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _open(path: str, *, handed: bool, devices: bool) -> int:
    lent_out = _lent.get()
    if lent_out and path in lent_out:
        # Opened anew, so that everybody reads from the beginning.
        try:
            return os.open(f"/proc/self/fd/{lent_out[path]}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _failed(path, error) from error
    if _confined.get() is not None:
        check_inside(path)
        handed = devices = False
    try:
        if path == STDIN and handed:
            if sys.stdin is None:  # python's word for a descriptor that was closed: <&-
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return _unmoved(os.dup(sys.stdin.fileno()))
        mode = Path(path).stat().st_mode
        if handed and _HANDED.fullmatch(path) and not stat.S_ISREG(mode):
            number = path.rpartition("/")[2]
            return _unmoved(os.dup(0 if number == "stdin" else int(number)))
        # Even to open a device may do something: nothing is opened that is not to be read.
        _check(path, mode, devices=devices)
        descriptor = os.open(path, _FLAGS)
        try:
            mode = os.fstat(descriptor).st_mode
            _check(path, mode, devices=devices)
            if stat.S_ISREG(mode):
                os.set_blocking(descriptor, True)
        except BaseException:
            os.close(descriptor)
            raise
    except (OSError, ValueError) as error:
        raise _failed(path, error) from error
    return descriptor


def _unmoved(descriptor: int) -> int:
    os.set_blocking(descriptor, True)
    return descriptor


def _check(path: str, mode: int, *, devices: bool) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISREG(mode) or (devices and (stat.S_ISCHR(mode) or stat.S_ISBLK(mode))):
        return
    kind = _KINDS.get(stat.S_IFMT(mode), "no file")
    hint = "; read it through standard input (-)" if stat.S_ISFIFO(mode) else ""
    raise InputError(f"{printable(path)}: is {kind}, expected a file{hint}")


def _failed(path: str, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else "no path"
    return InputError(f"{named(path)}: {reason or error}")
