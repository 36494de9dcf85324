"""Opens the files that a user named or that are in a folder, and never blocks on anything else.

A named FIFO, a socket or a terminal may never deliver anything, and a device may never end. So only
regular files are opened, beside what the user's shell passes on (``-``, ``/dev/fd/N`` of a process
substitution) and, where memory is read, devices. Compressed files are unpacked.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from pathlib import Path

from hwpkho.base import confining, kept, lending, places, tar, temporary, unpacking
from hwpkho.base.escape import printable
from hwpkho.base.options import called
from hwpkho.base.unopened import STDIN, failed, named
from hwpkho.errors import InputError

#: The folder name of an archive that came through standard input.
_STDIN_FOLDER = "stdin:"
_INHERITED = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/[0-9]{1,9}")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS = {
    stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}  # fmt: skip
#: The most unpacked files and the most other files that are held open: a case has a handful.
_MAX_KEPT, _MAX_OPEN = 8, 64
#: Bytes copied at once.
_SPOOLED = 1 << 20


def enter(path: str) -> str | None:
    """Make a tar archive at ``path``, plain or compressed, readable as a folder; return its path.

    None where ``path`` is not a tar archive, or outside :func:`hwpkho.base.kept.for_call`. Raises
    InputError where the archive is damaged or cannot be read.
    """
    held = kept.now()
    if held is None:
        return None
    if held.archives and _folder_of(path) in held.archives:
        return _folder_of(path)
    if held.files and path in held.files and not _is_tar(held.files[path], path):
        return None
    if not (is_inherited(path) or places.is_file(path)):
        return None
    descriptor = whole(path) if is_inherited(path) else regular(path)
    try:
        if not _is_tar(descriptor, path):
            os.close(descriptor)
            return None
        from hwpkho.base.archive import Archive  # few inputs are archives

        held.archives[_folder_of(path)] = Archive(descriptor, named(path))
    except OSError as error:
        os.close(descriptor)
        raise failed(path, error) from error
    except BaseException:
        os.close(descriptor)
        raise
    return _folder_of(path)


def _is_tar(descriptor: int, path: str) -> bool:
    try:
        return tar.is_tar(os.pread(descriptor, tar.BLOCK, 0))
    except OSError as error:
        raise failed(path, error) from error


def _folder_of(archive: str) -> str:
    return _STDIN_FOLDER if archive == STDIN else str(Path(archive))


def is_inherited(path: str) -> bool:
    """Tell whether ``path`` is standard input or a descriptor that the program inherited."""
    return path == STDIN or _INHERITED.fullmatch(path) is not None


def whole(path: str) -> int:
    """Return a descriptor of all that comes through ``path``, which :func:`is_inherited`.

    Compressed content is unpacked. A pipe is copied to an unnamed temporary file; within
    :func:`hwpkho.base.kept.for_call` the copy is held, so that ``path`` can be opened again and is
    then read from its beginning. Raises InputError where it cannot be opened or unpacked.
    """
    held = kept.now()
    if held is not None and path in held.pipes:
        return _again(held.pipes[path])
    own = _open(path, piped=True, devices=True)
    status = os.fstat(own)
    file = stat.S_ISREG(status.st_mode) and status.st_size > 0
    if file and not os.lseek(own, 0, os.SEEK_CUR):
        found = _plain(own, path)
        if found == own:
            return found
    elif path == STDIN or stat.S_ISFIFO(status.st_mode):
        try:
            found = spooled(own, path)
        except OSError as error:  # a full disk
            raise failed(path, error) from error
    else:
        return own  # a disk, or a device such as /dev/zero, which may never end
    if held is None or confining.active():
        return found
    held.pipes[path] = found
    return _again(found)


def spooled(pipe: int, path: str) -> int:
    """Copy all that comes through ``pipe``, unpacked, to an unnamed temporary file.

    Returns the file's descriptor and closes ``pipe``. Raises OSError, or InputError where it cannot
    be unpacked.
    """
    try:
        head = read_all(pipe, _SPOOLED)
        found = unpacked(pipe, path, head)
        return _copied(head, pipe) if found is None else found
    finally:
        os.close(pipe)


def keep(path: str, descriptor: int, head: bytes) -> None:
    """Hold what comes through ``path``, so that it can be opened again from its beginning.

    ``head`` are the bytes already read from ``descriptor``. Does nothing outside
    :func:`hwpkho.base.kept.for_call`. Raises OSError.
    """
    held = kept.now()
    if held is None or path in held.pipes:
        return
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.lseek(descriptor, 0, os.SEEK_SET)
        held.pipes[path] = os.dup(descriptor)
    else:
        held.pipes[path] = _copied(head, descriptor)


def _copied(head: bytes, rest: int) -> int:
    """Return a descriptor of an unnamed temporary file with ``head`` and the rest of a pipe."""
    with temporary.file() as spool:
        spool.write(head)
        while chunk := os.read(rest, _SPOOLED):
            spool.write(chunk)
        spool.flush()
        return os.dup(spool.fileno())


def _again(descriptor: int) -> int:
    """Return a second descriptor of the same file with a position of its own, at the beginning."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)


def regular(path: str, *, as_is: bool = False, enough: int | None = None) -> int:
    """Return a descriptor of the regular file ``path``, unpacked unless ``as_is``.

    Unpacking may stop after ``enough`` bytes. Raises InputError where it is not a regular file, or
    cannot be opened or unpacked.
    """
    if as_is:
        return _open(path, piped=False, devices=False)
    return _opened(path, piped=False, devices=False, enough=enough)


def stream(path: str) -> int:
    """As :func:`regular`; where :func:`is_inherited`, ``path`` may also be a pipe or a terminal.

    The content of a pipe is not unpacked: see :func:`unpacked`.
    """
    return _opened(path, piped=True, devices=False)


def memory(path: str) -> int:
    """As :func:`stream`; ``path`` may also be a device."""
    return _opened(path, piped=True, devices=True)


def unpacked(descriptor: int, path: str, head: bytes) -> int | None:
    """Return a descriptor of a pipe's unpacked content, None where it is not compressed.

    ``head`` are the bytes already read from it. Raises InputError where it cannot be unpacked.
    """
    method = unpacking.method_of(head[: unpacking.HEAD])
    if method is None:
        return None
    return unpacking.unpacked(descriptor, method, named(path), head=head)


def _opened(path: str, *, piped: bool, devices: bool, enough: int | None = None) -> int:
    held = kept.now()
    files = held.files if held is not None else None
    if files is None:
        return _plain(_open(path, piped=piped, devices=devices), path, enough)
    if path in files:
        return _again(files[path])
    raw = _open(path, piped=piped, devices=devices)
    found = _plain(raw, path, enough)
    stays = found == raw and not is_inherited(path) and stat.S_ISREG(os.fstat(raw).st_mode)
    if stays and len(files) < _MAX_OPEN:
        files[path] = os.dup(raw)
    return found


def _plain(descriptor: int, path: str, enough: int | None = None) -> int:
    """Return ``descriptor``; of a compressed file, close it and return one of the content."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return descriptor
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        method = unpacking.method_of(os.pread(descriptor, unpacking.HEAD, at))
        if method is None:
            return descriptor
        held, key = kept.now(), (status.st_dev, status.st_ino, status.st_mtime_ns, at)
        if held is None or enough is not None:
            found = unpacking.unpacked(descriptor, method, named(path), enough=enough)
        else:
            known = held.unpacked
            if key not in known:
                if len(known) >= _MAX_KEPT:
                    os.close(known.pop(next(iter(known))))
                known[key] = unpacking.unpacked(descriptor, method, named(path))
            found = _again(known[key])
    except OSError as error:
        os.close(descriptor)
        raise failed(path, error) from error
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return found


def small(path: str, limit: int) -> bytes:
    """Return at most ``limit`` + 1 bytes of a file: one too many shows that it is longer.

    Raises InputError as :func:`regular` does.
    """
    descriptor = regular(path, enough=limit + 1)
    try:
        return read_all(descriptor, limit + 1)
    except OSError as error:
        raise failed(path, error) from error
    finally:
        os.close(descriptor)


def read_all(descriptor: int, size: int) -> bytes:
    """Return ``size`` bytes, fewer only at the end: one read() of a pipe returns what is there."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _open(path: str, *, piped: bool, devices: bool) -> int:
    if not path:
        raise InputError("the name of an input is empty")
    inside, lent, held = places.within(path), lending.descriptor_of(path), kept.now()
    try:
        if inside is not None and inside[1]:
            return inside[0].open(inside[1])
        if lent is not None:
            return _again(lent)
        if held is not None and path in held.pipes:
            return _again(held.pipes[path])
        if confining.active():
            return _open_inside(path)
        if path == STDIN and piped:
            if sys.stdin is None:  # the shell closed descriptor 0: <&-
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return _unmoved(os.dup(sys.stdin.fileno()))
        mode = Path(path).stat().st_mode
        if piped and _INHERITED.fullmatch(path) and not stat.S_ISREG(mode):
            number = path.rpartition("/")[2]
            return _unmoved(os.dup(0 if number == "stdin" else int(number)))
        # Opening a device may already have an effect (a tape rewinds): check before.
        _check(path, mode, devices=devices)
        return _ready(os.open(path, _FLAGS), path, devices=devices)
    except (OSError, ValueError) as error:
        raise failed(path, error) from error


def _open_inside(path: str) -> int:
    """Open a file under :mod:`hwpkho.base.confining`."""
    place = confining.reached(path)
    try:
        status = os.fstat(place)
        _check(path, status.st_mode, devices=False)
        if status.st_size:  # not a file of /proc or tracefs: reading it cannot block
            return _again(place)
        return _ready(os.open(f"/proc/self/fd/{place}", _FLAGS), path, devices=False)
    finally:
        os.close(place)


def _ready(descriptor: int, path: str, *, devices: bool) -> int:
    """Return ``descriptor`` once it is certain that reading from it does not block."""
    try:
        status = os.fstat(descriptor)
        _check(path, status.st_mode, devices=devices)
        if stat.S_ISREG(status.st_mode):
            if status.st_size:
                os.set_blocking(descriptor, True)
            else:
                _check_waits(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
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
    hint = called("; open it, and give the file", "; read it through standard input (-)")
    hint = hint if stat.S_ISFIFO(mode) else ""
    raise InputError(f"{printable(path)}: is {kind}, expected a file{hint}")


def _check_waits(path: str, descriptor: int) -> None:
    """Raise InputError for a file of /proc or tracefs that blocks until something happens, such as
    kmsg or trace_pipe. The descriptor stays non-blocking: should the file run dry later, read()
    fails.
    """
    import select

    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(0):
        raise InputError(f"{printable(path)}: gives nothing until something happens; save it first")
