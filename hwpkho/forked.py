"""The same work on many parts, about half of it done by a second process.

For work on what is in memory already: a fork has that at once, and only hands back text.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

T = TypeVar("T")

#: A fork costs some milliseconds. It is made for so many parts; and anew after so many, as what
#: the second process makes of them waits in memory.
_LEAST, _MOST = 256, 2048
#: The first process's share in percent: what the second one made must still be passed on.
_OWN = 55
#: Bytes that are passed on at once.
_CHUNK = 1 << 16


def mapped(work: Callable[[T], str], parts: Sequence[T]) -> Iterator[str]:
    """Yield what ``work`` makes of ``parts`` (ASCII), in their order, in pieces of any length.

    The second process is only help: where it fails, for whatever reason, its share is done here.
    """
    for at in range(0, len(parts), _MOST):
        yield from _shared(work, parts[at : at + _MOST])


def _shared(work: Callable[[T], str], parts: Sequence[T]) -> Iterator[str]:
    own = len(parts) * _OWN // 100
    helper = _start(work, parts[own:]) if len(parts) >= _LEAST else None
    if helper is None:
        yield from map(work, parts)
        return
    pid, file = helper
    try:
        yield from map(work, parts[:own])
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        if end is None or end.si_status:
            yield from map(work, parts[own:])
            return
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk.decode()
    finally:
        os.kill(pid, signal.SIGKILL)  # where nobody wants the rest
        os.waitpid(pid, 0)
        file.close()


def _start(work: Callable[[T], str], parts: Sequence[T]) -> tuple[int, BinaryIO] | None:
    """Return the number of a process that does ``parts``, and the file in memory it writes.

    None where there is none to be had, or where it would be of no use.
    """
    # Of several threads a fork takes one along, and whatever the others have locked.
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
        return None
    try:
        file = os.fdopen(os.memfd_create("hwpkho"), "w+b")
    except OSError:
        return None
    try:
        pid = os.fork()
    except OSError:
        file.close()
        return None
    if not pid:
        _do(work, parts, file)
    return pid, file


def _do(work: Callable[[T], str], parts: Sequence[T], file: BinaryIO) -> NoReturn:
    code = 1
    try:
        file.writelines(work(part).encode() for part in parts)
        file.flush()
        code = 0
    finally:
        os._exit(code)  # nothing of what the first process still has to do may happen twice
