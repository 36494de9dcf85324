"""Random access to the bytes of a file; a small file is read at once.

No file is mapped: one that shrinks under a mapping ends the program with SIGBUS.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hwpkho.base import opening
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.errors import InputError, ReadError
from hwpkho.images.words import words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

#: Bytes searched at once; they fit into a processor's cache.
WINDOW = 1 << 20
#: A file up to so many bytes is read at once: a system call per structure costs more.
SMALL = 4 << 20


class FileBytes:
    """A read-only file, with random access to its bytes.

    Attributes:
        path: As the user named it, ``stdin`` for standard input.
        size: Bytes; 2^63 - 1 where ``endless``.
        endless: Whether it is a character device, such as /dev/mem, whose size nothing tells: it
            can be read, but not searched.
        live: Whether it is a device or a file of /proc. What cannot be read of it is absent, while
            it is an error for a file on disk; and it may show the same memory in two ways.
    """

    endless = live = False

    def __init__(self, path: str, *, inside: bool = False, as_is: bool = False) -> None:
        """Open ``path``; ``-`` is standard input. A pipe is copied to an unnamed temporary file.

        ``inside``: the path is in a folder that the user named, and must be a regular file; with
        ``as_is`` such a file is not unpacked. Raises InputError where it cannot be opened.
        """
        self.path = "stdin" if path == "-" else path
        self._fd = -1
        self._data: memoryview | None = None
        if inside:
            self._fd = opening.regular(path, as_is=as_is)
        elif opening.is_inherited(path):
            self._fd = opening.whole(path)
        else:
            self._fd = opening.memory(path)
        try:
            status = os.fstat(self._fd)
            self.size = status.st_size
            if stat.S_ISREG(status.st_mode) and not self.size:
                self.size = _size_by_reading(self._fd)
            # Files of /proc have no blocks. A file of one hole has none either, but reads of it
            # never fail.
            self.live = not stat.S_ISREG(status.st_mode) or not status.st_blocks
            if stat.S_ISBLK(status.st_mode):
                self.size = os.lseek(self._fd, 0, os.SEEK_END)
            elif stat.S_ISCHR(status.st_mode):
                self.size, self.endless = (1 << 63) - 1, True
            elif not self.live and self.size <= SMALL:
                self._data = self.read(0, self.size)
        except OSError as error:
            self.close()
            raise InputError(f"{printable(path)}: {error.strerror or error}") from error

    @property
    def shown(self) -> str:
        """Its name for messages, printable."""
        return printable(self.path)

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
        # A format's open() may raise, which leaks this object: a batch must not run out of
        # descriptors.
        if hasattr(self, "_fd"):
            self.close()

    def close(self) -> None:
        """Close the file; memoryviews returned before stay valid."""
        self._data = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def lies_at(self, path: str) -> bool:
        """Tell whether ``path`` names this very file (the same inode)."""
        if self._fd < 0:
            return False
        try:
            there = Path(path).stat()
        except (OSError, ValueError):
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def read(self, offset: int, size: int) -> memoryview:
        """Return up to ``size`` bytes from ``offset`` on; fewer only at the end of the file.

        Of a ``live`` file, none where they cannot be read. Raises ReadError where the file has
        shrunk since it was opened, or cannot be read.
        """
        if not 0 <= offset < self.size:
            return memoryview(b"")
        if self._data is not None:
            return self._data[offset : offset + size]
        size = min(size, self.size - offset)
        try:
            data = os.pread(self._fd, size, offset)
            if len(data) < size:
                data = self._rest(data, offset, size)
        except OSError as error:
            if self.live:
                return memoryview(b"")  # a hole of /proc/kcore or /dev/mem: absent
            raise ReadError(
                f"{printable(self.path)}: {error.strerror or error} at offset 0x{offset:x}"
            ) from error
        return memoryview(data)

    def _rest(self, data: bytes, offset: int, size: int) -> bytes:
        """Return ``data`` and the rest: pread() returns at most 2 GiB, fewer after a signal."""
        parts, at = [data], len(data)
        while at < size and (more := os.pread(self._fd, size - at, offset + at)):
            parts.append(more)
            at += len(more)
        if at < size:
            self._check_size()
        return b"".join(parts)

    def _check_size(self) -> None:
        status = os.fstat(self._fd)
        if stat.S_ISREG(status.st_mode) and status.st_size < self.size:
            raise ReadError(
                f"{printable(self.path)}: became shorter while it was read: {status.st_size} of "
                f"{counted(self.size, 'byte is', 'bytes are')} left"
            )

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield ``(start, end)``, end exclusive, of the parts that are not holes, ascending.

        Raises ReadError where the file has shrunk since it was opened.
        """
        at = 0
        while at < self.size:
            try:
                start = os.lseek(self._fd, at, os.SEEK_DATA)
                end = os.lseek(self._fd, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    self._check_size()
                    return
                start, end = at, self.size  # a file system without holes, or a device
            if end <= at:  # /dev/null and the like always return 0
                return
            yield start, min(end, self.size)
            at = end

    def scan(
        self, ranges: Iterable[tuple[int, int]], phase: int, step: int, magics: Sequence[bytes]
    ) -> Iterator[tuple[int, int]]:
        """Yield ``(offset, size of the magic)`` of each hit at offsets ``phase`` modulo ``step``.

        ``ranges`` are ``(start, end)`` offsets, end exclusive. The first bytes of ``magics`` must
        differ. Hits are not in order where there are several magics.
        """
        for start, end in ranges:
            begin = start + (phase - start) % step
            for window in range(begin, end, WINDOW - WINDOW % step):
                stop = min(window + WINDOW - WINDOW % step, end)
                heads = bytes(self.read(window, stop - window)[::step])
                for magic in magics:
                    hit = heads.find(magic[0])
                    while hit >= 0:
                        offset = window + hit * step
                        if offset + len(magic) <= end and self.read(offset, len(magic)) == magic:
                            yield offset, len(magic)
                        hit = heads.find(magic[0], hit + 1)

    def scan_words(
        self, ranges: Iterable[tuple[int, int]], phase: int, word: bytes
    ) -> Iterator[tuple[int, int]]:
        """Yield ``(offset, 8)`` of each 8-byte ``word`` at offsets ``phase`` modulo 8.

        ``ranges`` as for :meth:`scan`.
        """
        size = len(word)
        for start, end in ranges:
            begin = start + (phase - start) % size
            for window in range(begin, end, WINDOW):
                data = bytes(self.read(window, min(WINDOW, end - window)))
                for hit in words_in(data, word):
                    yield window + hit, size


class FileText:
    """A file as a sequence of bytes that reads only the slices asked for."""

    def __init__(self, file: FileBytes) -> None:
        self._file = file

    def __len__(self) -> int:
        return self._file.size

    def __getitem__(self, part: slice, /) -> memoryview:
        start, stop, _ = part.indices(self._file.size)
        return self._file.read(start, stop - start)


class HeldBytes(FileBytes):
    """Bytes in memory with the interface of a file."""

    def __init__(self, path: str, data: memoryview) -> None:
        """Take ``data``; ``path`` is its name for messages."""
        self.path, self.size = path, len(data)
        self._fd, self._data = -1, data


def _size_by_reading(fd: int) -> int:
    """Return the size in bytes of a file with st_size 0, as files of /proc have.

    A binary search, as /proc/kpageflags has 2 GiB for 1 TiB of memory; it also requires aligned
    reads. A file on disk that is really empty needs a single read.
    """
    block = 1 << 12

    def got(number: int) -> int:
        return len(os.pread(fd, block, number * block))

    if got(0) < block:
        return got(0)
    full = 0
    step = 1
    while step < 1 << 48 and got(full + step) == block:
        full, step = full + step, step * 2
    while step > 1:
        step //= 2
        if got(full + step) == block:
            full += step
    return (full + 1) * block + got(full + 1)
