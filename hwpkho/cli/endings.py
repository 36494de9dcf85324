"""Signals that end the program: it tidies up, prints one line, and its exit code says why."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hwpkho.base.undisturbed import ENDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

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

    A signal that was ignored from the start (nohup) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = True
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # what is tidied up takes no time
        raise EndedError(number)

    before = {n: h for n in ENDING if (h := signal.getsignal(n)) not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        if not ended:  # else a second one would come between the program and its end
            for number, handler in before.items():
                signal.signal(number, handler)
