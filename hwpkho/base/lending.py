"""Files that the library's caller has open itself: to read by a name like a path, and to write."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.base import temporary
from hwpkho.base.escape import printable
from hwpkho.base.unopened import failed
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

#: Name → descriptor of each such file.
_lent: ContextVar[Mapping[str, int] | None] = ContextVar("_lent", default=None)


def now() -> Mapping[str, int]:
    """Return the name and descriptor of each file that is lent out."""
    return _lent.get() or {}


@contextmanager
def within(names: Mapping[str, int]) -> Iterator[None]:
    """Within the block, open these names, and no others, as files that are lent out."""
    token = _lent.set(names)
    try:
        yield
    finally:
        _lent.reset(token)


def descriptor_of(path: str | Path) -> int | None:
    """Return the descriptor of the lent file named ``path``, None where ``path`` is a real path."""
    lent_out = _lent.get()
    return None if lent_out is None else lent_out.get(str(path))


@contextmanager
def lent(file: Any) -> Iterator[str]:
    """Yield a name under which ``file``, open for reading bytes, can be opened within the block.

    See :func:`held`.
    """
    others = now()
    with held(file, others) as (name, descriptor), within({**others, name: descriptor}):
        yield name


@contextmanager
def held(file: Any, others: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield a name that ``others`` do not have for ``file``, open for reading bytes, and a
    descriptor, which is open within the block.

    It is read from its beginning, and its own position does not move. Anything but a regular file
    is first copied to an unnamed temporary file; one that cannot seek, or has ``read`` alone, gives
    only what is left of it. Raises InputError where it cannot be read, TypeError where that gives
    no bytes.
    """
    name = _name(file)
    while name in others:
        name = f"{name[:-1]}'>"
    try:
        descriptor = _independent(file, name)
    except OSError as error:
        raise failed(name, error) from error
    try:
        yield name, descriptor
    finally:
        os.close(descriptor)


def _name(file: object) -> str:
    """Return a name for messages, which stays the same as a Path."""
    own = getattr(file, "name", None)
    return str(Path(f"<{own if own and isinstance(own, str) else type(file).__name__}>"))


def _independent(file: Any, name: str) -> int:
    """Return a descriptor of the file's bytes: a dup of its own, or that of a copy."""
    raw = getattr(file, "raw", file)
    if isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        if file.writable():
            file.flush()
        return os.dup(raw.fileno())
    with temporary.file() as spool:
        try:
            _copy(file, spool, name)
        except Exception as error:
            if isinstance(error, (InputError, OSError)) or not isinstance(error, _unreadable()):
                raise
            raise InputError(f"{printable(name)}: cannot be read: {error}") from error
        spool.flush()
        return os.dup(spool.fileno())


def _copy(file: Any, spool: BinaryIO, name: str) -> None:
    position = file.tell() if _seeks(file) else None
    if position is not None:
        file.seek(0)
    try:
        while True:
            chunk: object = file.read(1 << 20)
            if chunk is None:
                raise InputError(f"{printable(name)}: does not block, and gives nothing now")
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                given = type(chunk).__name__
                raise TypeError(f"{printable(name)}: read() gives {given}, expected bytes")
            if not chunk:
                return
            spool.write(chunk)
    finally:
        if position is not None:
            file.seek(position)


def _seeks(file: object) -> bool:
    """Tell whether a file can seek; an mmap of Python before 3.13 does not say so itself."""
    says = getattr(file, "seekable", None)
    return bool(says()) if says else all(hasattr(file, name) for name in ("seek", "tell"))


def _unreadable() -> tuple[type[Exception], ...]:
    """Return what files raise that cannot be read beside OSError: compressed ones, closed ones."""
    found: list[type[Exception]] = [ValueError, EOFError]
    for module, name in (("zlib", "error"), ("_lzma", "LZMAError")):
        if module in sys.modules:  # else it was not raised
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


class Written(io.BufferedIOBase):
    """A file to write to that the library's caller has open: anything with ``write``.

    Raises InputError with the file's name where it cannot be written, TypeError where its write()
    takes no bytes.
    """

    def __init__(self, out: Any) -> None:
        self._out, self._name = out, _name(out)
        self._holes = _takes_holes(out)

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Tell whether parts of it may be skipped, to become holes."""
        return self._holes

    def write(self, data: Any, /) -> int:
        """Write all of ``data``; return how many bytes that is."""
        size = len(data)
        with self._named():
            if not isinstance(self._out, io.IOBase):
                self._out.write(bytes(data))
            elif not isinstance(self._out, io.RawIOBase):
                self._out.write(data)
            else:
                left = memoryview(data)
                while left:
                    taken = self._out.write(left)
                    if not taken:
                        raise InputError(f"{printable(self._name)}: does not block, and is full")
                    left = left[taken:]
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """See io.IOBase."""
        with self._named():
            return int(self._out.seek(offset, whence))

    def tell(self) -> int:
        """See io.IOBase."""
        with self._named():
            return int(self._out.tell())

    def truncate(self, size: int | None = None, /) -> int:
        """See io.IOBase."""
        with self._named():
            return int(self._out.truncate(size))

    def flush(self) -> None:
        """Leave that to the caller; also the finalizer of this object calls it."""

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{printable(self._name)}: {reason}") from error
        except TypeError as error:
            raise TypeError(f"{printable(self._name)}: write() takes no bytes: {error}") from error


def _takes_holes(out: Any) -> bool:
    """Tell whether a file takes holes: a regular one that is not appended to, or a BytesIO."""
    if isinstance(out, io.BytesIO):
        return True
    raw = getattr(out, "raw", out)
    if not isinstance(raw, io.FileIO):
        return False
    descriptor = raw.fileno()
    appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and not appends
