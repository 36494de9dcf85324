"""Signals that end the program: it tidies up, prints one line, and its exit code says why."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hwpkho.base.undisturbed import ENDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: An end that got lost comes again after so many seconds.
_AGAIN = 0.2
_SAID = {signal.SIGINT: "interrupted"}


class EndedError(BaseException):
    """A signal ended the program; only the command line catches this.

    Attributes:
        code: The exit code, as a shell reports the signal.
        said: What to say.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.said = _SAID.get(signal.Signals(number), f"ended by {signal.Signals(number).name}")


@contextmanager
def raised() -> Iterator[None]:
    """Raise EndedError in the block for the first signal that asks to end, and ignore later ones.

    A signal that was ignored from the start (nohup) stays so. What a library makes of the error
    (DuckDB and SQLite raise errors of their own) is the end all the same. Where it gets lost (in a
    destructor, or where DuckDB begins a query) it is raised again until somebody handles it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended: EndedError | None = None

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = EndedError(number)
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # what is tidied up takes no time
        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise ended

    def again(_number: int, _frame: FrameType | None) -> None:
        handled = sys.exception()
        while handled is not None and not isinstance(handled, EndedError):
            handled = handled.__context__
        if handled is None and ended is not None:
            raise ended

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        if not isinstance(what.exc_value, EndedError):
            hook(what)

    alarm = signal.getsignal(signal.SIGALRM)
    before = {n: h for n in ENDING if (h := signal.getsignal(n)) not in (signal.SIG_IGN, None)}
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    for number in before:
        signal.signal(number, end)
    try:
        yield
        if ended is not None:
            raise ended
    except EndedError as error:  # also that of such a block within this one
        ended = error
        raise
    except BaseException as error:
        if ended is None:
            raise
        raise ended from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        sys.unraisablehook = hook
        if ended is None:  # else a second one would come between the program and its end
            for number, handler in before.items():
                signal.signal(number, handler)
