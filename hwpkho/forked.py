"""The same work on many parts, a share of it done by a second process.

For work on what is in memory already: a fork has that at once, and only hands back text.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from itertools import compress, cycle
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

T = TypeVar("T")

#: A fork costs some milliseconds: it is made for so many parts.
_LEAST = 256
#: Of every five parts the second process does three: the first one also passes on what both made.
_SHARED = (False, False, True, True, True)
#: Bytes of the length before each text in the pipe, and of what it should take unread.
_LENGTH, _PIPE = 8, 1 << 20


def mapped(work: Callable[[T], str], parts: Sequence[T]) -> Iterator[str]:
    """Yield ``work(part)``, some ASCII, for each of ``parts``, in their order.

    The second process is only help: what it fails to deliver, for whatever reason, is done here.
    """
    helper = _start(work, compress(parts, cycle(_SHARED))) if len(parts) >= _LEAST else None
    if helper is None:
        yield from map(work, parts)
        return
    pid, pipe = helper
    try:
        for part, shared in zip(parts, cycle(_SHARED), strict=False):
            text = _delivered(pipe) if shared else ""
            yield text or work(part)
    finally:
        pipe.close()  # which ends it, if nobody wants the rest
        with suppress(ChildProcessError):  # who started us may have had its children ignored
            os.waitpid(pid, 0)


def _start(work: Callable[[T], str], parts: Iterable[T]) -> tuple[int, BinaryIO] | None:
    """Return the number of a process that does ``parts``, and where its texts come from.

    None where there is none to be had, or where it would be of no use.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None
    if threading.active_count() > 1:
        return None  # a fork takes one thread along, and whatever the others have locked
    try:
        texts, into = os.pipe()
    except OSError:
        return None
    try:
        pid = os.fork()
    except OSError:
        os.close(texts)
        os.close(into)
        return None
    if not pid:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends it
            os.close(texts)
            _help(work, parts, into)
        finally:
            os._exit(0)  # nothing of what the first process still has to do may happen twice
    os.close(into)
    return pid, os.fdopen(texts, "rb")


def _help(work: Callable[[T], str], parts: Iterable[T], into: int) -> None:
    from fcntl import F_SETPIPE_SZ, fcntl

    with suppress(OSError):  # a user may have too many pipes for a large one
        fcntl(into, F_SETPIPE_SZ, _PIPE)
    with os.fdopen(into, "wb") as pipe:
        for part in parts:
            text = work(part).encode()
            pipe.write(len(text).to_bytes(_LENGTH, "little") + text)
            pipe.flush()


def _delivered(pipe: BinaryIO) -> str:
    """Return the next text, an empty one where the process ended before its end."""
    length = pipe.read(_LENGTH)
    size = int.from_bytes(length, "little")
    text = pipe.read(size) if len(length) == _LENGTH else b""
    return text.decode() if len(text) == size else ""
