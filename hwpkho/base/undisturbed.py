"""Steps that a signal must not cut in two."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: What a user or a system ends a program with, and gives it time to tidy up.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: And what the command line lets an end come again with that got lost.
_HELD = (*ENDING, signal.SIGALRM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let :data:`ENDING` signals wait until the block is through.

    Threads and processes started within let them wait for good: those of a process are then
    always the main thread's, whose work it is to end. A thread that a library started before
    (DuckDB does) takes them all the same, and Python runs the handler in the main thread whichever
    thread took the signal; so the handlers wait, too.
    """
    late: list[int] = []

    def wait(number: int, _frame: FrameType | None) -> None:
        late.append(number)

    def come() -> None:
        for number in late:
            signal.raise_signal(number)

    with ExitStack() as after:  # each of its steps is taken, also where a handler ends another
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
