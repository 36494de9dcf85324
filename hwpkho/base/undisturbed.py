"""Holds signals back during steps that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: The signals that ask a program to end and leave it time to clean up.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: SIGALRM too: by this timer the command line raises an ending signal's exception a second time.
_HELD = (*ENDING, signal.SIGALRM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold :data:`ENDING` signals back until the block is left.

    Threads and processes started within the block inherit the mask and keep the signals blocked, so
    that the main thread gets them. A thread that a library started before (DuckDB does) can still
    take a signal, and Python then runs the handler in the main thread; so the handlers are replaced
    too, by one that only notes the signal.
    """
    late: list[int] = []

    def wait(number: int, _frame: FrameType | None) -> None:
        late.append(number)

    def come() -> None:
        for number in late:
            signal.raise_signal(number)

    with ExitStack() as after:  # runs every callback, even where a signal's handler raises in one
        after.callback(come)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        after.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        if threading.current_thread() is threading.main_thread():
            for number in _HELD:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    after.callback(signal.signal, number, handler)
                    signal.signal(number, wait)
        yield
