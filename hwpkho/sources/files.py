"""Bytes of a file, mapped where the kernel allows it, read piecewise where not."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
from typing import TYPE_CHECKING, Self

from hwpkho.errors import InputError
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

#: A scan lets go of the mapped pages behind it after so many bytes, to keep its footprint small.
WINDOW = 16 << 20


class FileBytes:
    """A read-only file as bytes: ``size`` of them, in slices that cost no copy where mapped.

    Regular files are mapped. /proc/kcore, /dev/mem and the like cannot be: those are read with
    pread(), and ``size`` is what the kernel says it is, or 2^63 - 1 where it says nothing
    (``endless``: such a file can be read, but not searched).
    """

    endless = False

    def __init__(self, path: str) -> None:
        """Open ``path``; ``-`` is standard input, spooled to an unnamed temporary file.

        Raises InputError where it cannot be opened or is a directory.
        """
        self.path = "stdin" if path == "-" else path
        self._map: mmap.mmap | None = None
        self._fd = -1
        self._view = memoryview(b"")
        try:
            self._fd = _spool_stdin() if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            status = os.fstat(self._fd)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
                pipe, self._fd = self._fd, -1
                self._fd = _spool(pipe)
                status = os.fstat(self._fd)
            self.size = status.st_size
            if stat.S_ISREG(status.st_mode) and self.size:
                self._map_it()
            elif stat.S_ISBLK(status.st_mode):
                self.size = os.lseek(self._fd, 0, os.SEEK_END)
            elif stat.S_ISCHR(status.st_mode):
                self.size, self.endless = (1 << 63) - 1, True
        except OSError as error:
            self.close()
            raise InputError(f"{printable(path)}: {error.strerror or error}") from error

    def _map_it(self) -> None:
        try:
            self._map = mmap.mmap(self._fd, self.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError, OverflowError):
            return  # /proc/kcore: regular by its mode, but not mappable
        self._view = memoryview(self._map)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # An opener may refuse the file after all; a batch of such must not run out of descriptors.
        if hasattr(self, "_fd"):
            self.close()

    def close(self) -> None:
        """Release the file; views handed out earlier keep a mapping alive until they are gone."""
        self._view = memoryview(b"")
        self._map = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, offset: int, size: int) -> memoryview:
        """Return up to ``size`` bytes from ``offset`` on; fewer only at the end of the file."""
        if self._map is not None:
            return self._view[offset : offset + size]
        if not 0 <= offset < 1 << 63:
            return memoryview(b"")
        size = min(size, max(0, self.size - offset))
        try:
            return memoryview(os.pread(self._fd, size, offset))
        except OSError:
            return memoryview(b"")  # a hole of /proc/kcore or /dev/mem: absent

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield ``(start, end)``, end exclusive, of the parts that are no holes, ascending."""
        if self._map is None:
            yield 0, self.size
            return
        at = 0
        while at < self.size:
            try:
                start = os.lseek(self._fd, at, os.SEEK_DATA)
                end = os.lseek(self._fd, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                start, end = at, self.size  # a file system without holes
            yield start, min(end, self.size)
            at = end

    def scan(
        self, ranges: Iterable[tuple[int, int]], phase: int, step: int, magics: Sequence[bytes]
    ) -> Iterator[tuple[int, int]]:
        """Yield ``(offset, size of the magic)`` in ``ranges``, ``phase`` modulo ``step``.

        At these offsets one of ``magics`` begins, no two of which begin alike. ``ranges`` are
        ``(start, end)`` pairs, end exclusive.
        """
        for start, end in ranges:
            begin = start + (phase - start) % step
            for window in range(begin, end, WINDOW - WINDOW % step):
                stop = min(window + WINDOW - WINDOW % step, end)
                view = self.read(window, stop - window)
                heads = bytes(view[::step])
                for magic in magics:
                    hit = heads.find(magic[0])
                    while hit >= 0:
                        offset = window + hit * step
                        if offset + len(magic) <= end and self.read(offset, len(magic)) == magic:
                            yield offset, len(magic)
                        hit = heads.find(magic[0], hit + 1)
                del view
                self.let_go(window, stop)

    def let_go(self, start: int, end: int) -> None:
        """Drop the mapped pages of a part that is not needed again soon; it stays readable."""
        if self._map is not None:
            start &= ~(mmap.PAGESIZE - 1)
            self._map.madvise(mmap.MADV_DONTNEED, start, min(end, self.size) - start)


class HeldBytes(FileBytes):
    """Bytes that somebody holds already, read as a file is."""

    def __init__(self, path: str, data: memoryview) -> None:
        """Show ``data`` (bytes) under the name ``path``."""
        self.path, self.size = path, len(data)
        self._map, self._fd, self._view = None, -1, data

    def read(self, offset: int, size: int) -> memoryview:
        """See :meth:`FileBytes.read`."""
        return self._view[offset : offset + size]


def _spool_stdin() -> int:
    if sys.stdin is None:  # python's word for a descriptor that was closed: <&-
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return _spool(os.dup(sys.stdin.fileno()))


def _spool(pipe: int) -> int:
    import tempfile  # a third of the standard library hangs on it, and it is rarely needed

    with tempfile.TemporaryFile() as spool, open(pipe, "rb", buffering=0) as source:
        while chunk := source.read(1 << 20):
            spool.write(chunk)
        spool.flush()
        return os.dup(spool.fileno())
