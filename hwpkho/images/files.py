"""Bytes of a file: of a large one read where they are asked for, of a small one all at once.

Nothing is mapped: a file that becomes shorter under a mapping ends the program with SIGBUS.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hwpkho.base import opening
from hwpkho.base.escape import printable
from hwpkho.errors import InputError, ReadError
from hwpkho.images.words import words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

#: So many bytes are searched at once: they fit into a processor's cache.
WINDOW = 1 << 20
#: A file up to so many bytes is read once: a call for each of its structures costs more.
SMALL = 4 << 20


class FileBytes:
    """A read-only file as bytes: ``size`` of them.

    Of /proc/kcore, /dev/mem and the like ``size`` is what the kernel says it is, or 2^63 - 1 where
    it says nothing (``endless``: such a file can be read, but not searched), and what cannot be
    read is absent. Of files on a disk it is an error. ``live`` tells the former, which may show the
    same memory in two ways.
    """

    endless = False

    def __init__(self, path: str, *, inside: bool = False, as_is: bool = False) -> None:
        """Open ``path``; ``-`` is standard input; a pipe is copied to an unnamed temporary file.

        With ``inside`` it is in a folder and must be a file, with ``as_is`` its bytes are memory
        and never unpacked. Raises InputError where it cannot be opened.
        """
        self.path = "stdin" if path == "-" else path
        self._fd = -1
        self.live = False
        self._data: memoryview | None = None
        if inside:
            self._fd = opening.regular(path, as_is=as_is)
        elif opening.handed(path):
            self._fd = opening.whole(path)
        else:
            self._fd = opening.memory(path)
        try:
            status = os.fstat(self._fd)
            self.size = status.st_size
            if stat.S_ISREG(status.st_mode) and not self.size:
                self.size = _size_by_reading(self._fd)
            # Files of /proc have no blocks; nor have those of one hole, of which no read fails.
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
        """The name for messages."""
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
        # An opener may refuse the file after all; a batch of such must not run out of descriptors.
        if hasattr(self, "_fd"):
            self.close()

    def close(self) -> None:
        """Release the file; what was read stays."""
        self._data = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def lies_at(self, path: str) -> bool:
        """Tell whether ``path`` names the very file that is read here."""
        if self._fd < 0:
            return False
        try:
            there = Path(path).stat()
        except (OSError, ValueError):
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def read(self, offset: int, size: int) -> memoryview:
        """Return up to ``size`` bytes from ``offset`` on; fewer only at the end of the file.

        Raises ReadError where it is shorter by now than when it was opened, or cannot be read.
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
        """A read gives 2 GiB at most, and less where a signal came."""
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
                f"{self.size} bytes are left"
            )

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield ``(start, end)``, end exclusive, of the parts that are no holes, ascending."""
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
            if end <= at:  # /dev/null and the like: 0 is all that they answer
                return
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
        """Yield ``(offset, 8)`` of each ``word`` of 8 bytes in ``ranges``, ``phase`` modulo 8."""
        size = len(word)
        for start, end in ranges:
            begin = start + (phase - start) % size
            for window in range(begin, end, WINDOW):
                data = bytes(self.read(window, min(WINDOW, end - window)))
                for hit in words_in(data, word):
                    yield window + hit, size


class FileText:
    """The bytes of a file as a sequence of which slices are read."""

    def __init__(self, file: FileBytes) -> None:
        self._file = file

    def __len__(self) -> int:
        return self._file.size

    def __getitem__(self, part: slice, /) -> memoryview:
        start, stop, _ = part.indices(self._file.size)
        return self._file.read(start, stop - start)


class HeldBytes(FileBytes):
    """Bytes that somebody holds already, read as a file is."""

    def __init__(self, path: str, data: memoryview) -> None:
        """Show ``data`` (bytes) under the name ``path``."""
        self.path, self.size = path, len(data)
        self._fd, self.live, self._data = -1, False, data


def _size_by_reading(fd: int) -> int:
    """Return the size of a file that says it is empty, bytes: those of /proc say so.

    It is searched for, as /proc/kpageflags has 2 GiB for 1 TiB of memory; reads are aligned, as
    that wants them. A file on a disk is told by its first read.
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
