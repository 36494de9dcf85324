"""Being told to end: what was begun is tidied up, one line is said, and the exit code tells why."""

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
    """A signal told the program to end; nothing but the command line catches it.

    Attributes:
        code: What to exit with, as a shell tells of the signal.
        said: What to say.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.said = _SAID.get(signal.Signals(number), f"ended by {signal.Signals(number).name}")


@contextmanager
def raised() -> Iterator[None]:
    """Raise EndedError in the block for the first signal that asks to end, and heed no second.

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
