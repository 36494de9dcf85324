"""The bytes of an input, whole or piece by piece: a file, a pipe, a file of /proc or /sys.

Compressed inputs are unpacked.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Self

from hwpkho.base import opening, sparse, unopened
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.errors import InputError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes at the start of an input by which its format is recognised.
HEAD = 1 << 16

#: Bytes of a piece of a log.
PIECE = 1 << 16

_STEP = 1 << 20

#: Largest input that is read whole, bytes.
MAX_WHOLE = 256 << 20


class Input:
    """One input, opened for reading; call either :meth:`whole` or :meth:`pieces`, once.

    Attributes:
        path: As the user named it; ``-`` is standard input.
        shown: Its name for messages, printable.
        head: The first 64 KiB.
    """

    def __init__(self, path: str) -> None:
        """Open ``path``. Raises InputError where it cannot be read or is a device.

        A terminal is the only device that is read.
        """
        self.path = path
        self.shown = unopened.named(path)
        self._fd = opening.stream(path)
        try:
            status = os.fstat(self._fd)
            if stat.S_ISBLK(status.st_mode) or (
                stat.S_ISCHR(status.st_mode) and not os.isatty(self._fd)
            ):
                raise InputError(f"{self.shown}: is a device, not a file with a memory map")
            self.head = opening.read_all(self._fd, HEAD)
            if not stat.S_ISREG(status.st_mode) and self._unpack():
                status = os.fstat(self._fd)
            self._size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            self._sparse = status.st_blocks * 512 < self._size
        except OSError as error:
            self.close()
            raise InputError(f"{self.shown}: {error.strerror or error}") from error
        except InputError:
            self.close()
            raise

    def _unpack(self) -> bool:
        """Switch to the unpacked content where a pipe's is compressed; tell whether it is."""
        found = opening.unpacked(self._fd, self.path, self.head)
        if found is None:
            return False
        os.close(self._fd)
        self._fd = found
        self.head = opening.read_all(self._fd, HEAD)
        return True

    def keep(self) -> None:
        """Let the input be opened again from its beginning, even if it came through a pipe.

        Raises InputError where it cannot be read to its end.
        """
        try:
            opening.keep(self.path, self._fd, self.head)
        except OSError as error:
            raise InputError(f"{self.shown}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def whole(self, enough: int | None = None, most: int = MAX_WHOLE) -> memoryview:
        """Return all bytes, or at least the first ``enough``.

        Raises InputError where there are more than ``most`` bytes, without reading them where the
        file's size shows it; ReadError where the file shrank meanwhile.
        """
        if len(self.head) < HEAD:
            return memoryview(self.head)
        data = bytearray(self.head)
        end = enough if enough is not None else most + 1
        if enough is not None or self._size <= most:
            while len(data) < end and (piece := os.read(self._fd, min(_STEP, end - len(data)))):
                data += piece
        self._check_size()
        if enough is None and max(self._size, len(data)) > most:
            raise InputError(
                f"{self.shown}: more than {human_bytes(most)}, too large for a memory map"
            )
        return memoryview(data)

    def _check_size(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < self._size:
            raise ReadError(
                f"{self.shown}: became shorter while it was read: {size} of "
                f"{counted(self._size, 'byte is', 'bytes are')} left"
            )

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning in pieces; holes of a sparse file are left out.

        Raises OSError, and ReadError where the file shrank meanwhile.
        """
        yield self.head
        while True:
            if self._sparse:
                sparse.skip_hole(self._fd)
            piece = os.read(self._fd, PIECE)
            if not piece:
                self._check_size()
                return
            yield piece
