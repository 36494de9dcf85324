"""Signals that end the program: it cleans up, prints one line, and exits with 128 + signal."""

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

#: Seconds after which an EndedError that was lost is raised again.
_AGAIN = 0.2
_MESSAGES = {signal.SIGINT: "interrupted"}


class EndedError(BaseException):
    """A signal ended the program; only the command line catches this.

    Attributes:
        code: The exit code, as a shell has it: 128 + the signal's number.
        message: What the program prints.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.message = _MESSAGES.get(
            signal.Signals(number), f"ended by {signal.Signals(number).name}"
        )


@contextmanager
def raised() -> Iterator[None]:
    """Raise EndedError in the block for the first signal that ends a program; ignore later ones.

    A signal that was ignored from the start (nohup) stays ignored. If a library turns the exception
    into one of its own, as DuckDB and SQLite do, EndedError is raised from that. If it gets lost,
    in a destructor or while DuckDB begins a query, it is raised again until it is handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended: EndedError | None = None

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = EndedError(number)
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # cleaning up is quick: let it finish
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
    except EndedError as error:  # it may come from a nested block of this kind
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
        if ended is None:  # else keep ignoring: a second signal would disturb the exit
            for number, handler in before.items():
                signal.signal(number, handler)
