"""Follows a kernel log: /dev/kmsg, or lines that come through a pipe.

A thread reads ahead, so that nothing is lost while the caller works on earlier lines. It pauses
when much is waiting: then a pipe's writer waits, and /dev/kmsg overwrites records and reports it.

Source: Documentation/ABI/testing/dev-kmsg; kernel/printk/printk.c (devkmsg_read): a read returns
one record, or fails with EPIPE where records were overwritten; sequence numbers show how many.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

KMSG = "/dev/kmsg"
STDIN = "-"
#: Bytes of one read: a record of /dev/kmsg, or a piece of another log.
_RECORD, _PIECE = 1 << 13, 1 << 16
#: Bytes that may wait for the caller before the thread pauses.
_MAX_WAITING = 4 << 20
#: Bytes after which wait() returns: working on them takes many times as much memory.
_AT_ONCE = 1 << 18
#: Seconds between two looks at the log, so that more of a burst gathers.
_GATHER = 0.01
#: Milliseconds after which a waiting thread checks whether it is to end.
_LOOK = 100


class Follower:
    """Reads what is added to a log, as it is added; a context manager.

    Attributes:
        name: The log, printable.
        overwritten: How often /dev/kmsg reported that it had overwritten records.
    """

    def __init__(self, path: str) -> None:
        """Open ``path``; ``-`` is standard input. Of /dev/kmsg only what is new is read.

        Raises InputError where it cannot be opened.
        """
        self.name = "standard input" if path == STDIN else printable(path)
        try:
            if path == STDIN:
                self._fd = os.dup(0)
            else:
                self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            mode = os.fstat(self._fd).st_mode
        except OSError as error:
            raise InputError(f"{self.name}: {error.strerror or error}") from error
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            os.close(self._fd)
            raise InputError(f"{self.name}: is not a log")
        self._records = stat.S_ISCHR(mode) and path == KMSG
        if self._records:
            os.lseek(self._fd, 0, os.SEEK_END)
        self._regular = stat.S_ISREG(mode)
        self._items: SimpleQueue[bytes | None] = SimpleQueue()
        # Each is changed by one thread only: a number that both change would lose updates.
        self._read_bytes, self._given_bytes = 0, 0
        self._stopped = False
        self._error: OSError | None = None
        self.overwritten = 0
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped = True
        # A thread that outlives the interpreter is ended by pthread_exit(), which needs libgcc_s:
        # a small system may lack it.
        self._thread.join(2.0)
        if not self._thread.is_alive():
            os.close(self._fd)

    @property
    def waiting(self) -> int:
        """How many bytes were read and not returned yet."""
        return self._read_bytes - self._given_bytes

    def stop(self) -> None:
        """End; a signal handler may call it. :meth:`wait` still returns what was read before."""
        self._stopped = True
        self._items.put(None)

    def wait(self, seconds: float) -> tuple[bytes, bool]:
        """Return what was read, waiting up to ``seconds`` for it, and whether the log has ended.

        Raises InputError where reading fails.
        """
        parts: list[bytes] = []
        size, ended = 0, False
        try:
            item = self._items.get(timeout=seconds)
            while item is not None:
                parts.append(item)
                size += len(item)
                if size >= _AT_ONCE:
                    break
                item = self._items.get_nowait()
            ended = item is None
        except Empty:
            pass
        self._given_bytes += size
        if ended and self._error is not None:
            raise InputError(f"{self.name}: {self._error.strerror or self._error}")
        return b"".join(parts), ended

    # In the thread.

    def _read(self) -> None:
        waiter = None if self._regular else select.poll()
        if waiter is not None:
            waiter.register(self._fd, select.POLLIN)
        try:
            while not self._stopped:
                if self.waiting > _MAX_WAITING:
                    time.sleep(_GATHER)
                    continue
                if waiter is not None and not waiter.poll(_LOOK):
                    continue
                if not self._take():
                    break
        except OSError as error:
            self._error = error
        self._items.put(None)

    def _take(self) -> bool:
        """Read what is there; return False at the end."""
        if not self._records:
            piece = os.read(self._fd, _PIECE)
            self._give(piece)
            return bool(piece)
        records: list[bytes] = []
        size = 0
        while size < _PIECE * 4:
            try:
                record = os.read(self._fd, _RECORD)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                self.overwritten += 1
                continue
            if not record:
                break
            records.append(record)
            size += len(record)
        self._give(b"".join(records))
        time.sleep(_GATHER)
        return True

    def _give(self, piece: bytes) -> None:
        if piece:
            self._read_bytes += len(piece)
            self._items.put(piece)
