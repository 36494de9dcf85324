"""The bytes of an input: a file, a pipe, a file of /proc or /sys; whole or piece by piece."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hwpkho.errors import InputError
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a form sees of an input to recognise it, bytes.
HEAD = 1 << 16

#: A log is read in pieces of so many bytes.
PIECE = 1 << 16

#: Largest pipe or /proc file that is read whole (for a form that is a whole file).
MAX_WHOLE = 256 << 20


class Input:
    """One input opened for reading: its first bytes, then either all or piece by piece.

    Attributes:
        path: As the user named it; ``-`` is standard input.
        head: The first 64 KiB.
    """

    def __init__(self, path: str) -> None:
        """Open ``path``. Raises InputError where it cannot be read or is a disk or a terminal."""
        self.path = path
        self.shown = "standard input" if path == "-" else printable(path)
        self._map: mmap.mmap | None = None
        self._fd = -1
        try:
            if path == "-":
                if sys.stdin is None:  # python's word for a descriptor that was closed: <&-
                    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                self._fd = os.dup(sys.stdin.fileno())
            else:
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            status = os.fstat(self._fd)
            self._size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            self._sparse = status.st_blocks * 512 < self._size
            if stat.S_ISBLK(status.st_mode) or (
                stat.S_ISCHR(status.st_mode) and not os.isatty(self._fd)
            ):
                raise InputError(f"{self.shown}: is a device, no file with a memory map")
            self.head = self._read(HEAD)
        except OSError as error:
            self.close()
            raise InputError(f"{self.shown}: {error.strerror or error}") from error
        except InputError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; a view of the whole keeps its bytes until it is gone."""
        self._map = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self, size: int) -> bytes:
        """Return ``size`` bytes, fewer only at the end; a pipe gives little at a time."""
        parts = []
        while size > 0 and (part := os.read(self._fd, size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def whole(self) -> memoryview:
        """Return all bytes. Raises InputError where a pipe holds more than 256 MiB."""
        if len(self.head) < HEAD:
            return memoryview(self.head)
        if self._size:
            self._map = mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ)
            return memoryview(self._map)
        rest = self._read(MAX_WHOLE)
        if len(rest) == MAX_WHOLE:
            raise InputError(f"{self.shown}: more than {MAX_WHOLE >> 20} MiB; give it as a file")
        return memoryview(self.head + rest)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning in pieces; the holes of a sparse file are left out."""
        yield self.head
        while True:
            if self._sparse:
                self._skip_hole()
            piece = os.read(self._fd, PIECE)
            if not piece:
                return
            yield piece

    def _skip_hole(self) -> None:
        here = os.lseek(self._fd, 0, os.SEEK_CUR)
        try:
            os.lseek(self._fd, here, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                os.lseek(self._fd, 0, os.SEEK_END)
            # Anything else: a file system that knows no holes.


def is_folder(path: str) -> bool:
    """Tell whether ``path`` names a folder."""
    return path != "-" and Path(path).is_dir()
