"""A pager for what is longer than the terminal; what fits, and what is no terminal, is printed.

The first lines are held back until they are more than the terminal has. Then the pager gets them
and all that follows; who quits it early has seen enough, which is no failure.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hwpkho.report.parts.layout import cells

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

#: More than any terminal shows, bytes: output without line ends is not held any longer.
_MAX_HELD = 1 << 18
#: As git has it: quit at once if it fits, show colours, leave the text on the screen.
_LESS = "FRX"


@contextmanager
def on_terminal(wanted: Callable[[], bool]) -> Iterator[None]:
    """Send what the block prints through a pager where it is too long for the terminal.

    ``wanted`` is asked at the first output whether there may be one.
    """
    before = sys.stdout
    if not isinstance(before, io.TextIOWrapper) or not before.isatty():
        yield
        return
    raw = _Paged(before, wanted)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), before.encoding, before.errors, line_buffering=True
    )
    try:
        yield
    finally:
        paged, sys.stdout = sys.stdout, before
        with suppress(OSError, ValueError):
            paged.flush()
        raw.finish()


class _Paged(io.RawIOBase):
    """Holds output until it is known to fit."""

    def __init__(self, out: io.TextIOWrapper, wanted: Callable[[], bool]) -> None:
        self._out, self._wanted = out, wanted
        self._held = bytearray()
        self._holding: bool | None = None
        self._pager: subprocess.Popen[bytes] | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._out.fileno()

    def isatty(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if self._holding is None:
            self._holding = self._wanted()
        if self._holding:
            self._held += data
            if len(self._held) > _MAX_HELD or not self._fits():
                self._release()
        else:
            self._pass_on(data)
        return len(data)

    def finish(self) -> None:
        """Print what was held, and wait until the user leaves the pager."""
        if self._holding:
            self._holding = False
            self._pass_on(self._held)
        if self._pager is None or self._pager.stdin is None:
            return
        with suppress(OSError):
            self._pager.stdin.close()
        with _not_interrupted():  # Ctrl-C is the pager's until it ends
            self._pager.wait()

    def _fits(self) -> bool:
        if self._held.count(b"\n") < 8 and len(self._held) < 1024:
            return True
        width, height = os.get_terminal_size(self._out.fileno())
        if not width or not height:  # nothing says how much fits, as on a serial line
            return False
        rows = 0
        for line in self._held.decode(self._out.encoding, "replace").split("\n"):
            rows += max(1, -(-cells(line) // width))
        return rows <= height - 1  # the prompt comes after it

    def _release(self) -> None:
        self._holding = False
        command = _command() if all(os.get_terminal_size(self._out.fileno())) else []
        if command:
            import subprocess  # most output needs no pager

            env = {"LESS": _LESS, "LV": "-c", **os.environ}
            with suppress(OSError):
                self._out.flush()
                self._pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=env)
        held, self._held = self._held, bytearray()
        self._pass_on(held)

    def _pass_on(self, data: bytes | bytearray) -> None:
        if self._pager is None or self._pager.stdin is None:
            self._out.buffer.write(bytes(data))
            self._out.buffer.flush()
            return
        with suppress(BrokenPipeError, ValueError):
            self._pager.stdin.write(data)
            self._pager.stdin.flush()


def _command() -> list[str]:
    """Return the pager: PAGER, else less, else more; none where PAGER is empty or cat."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return []
    import shlex
    import shutil

    said = os.environ.get("PAGER")
    if said is None:
        return next(([name] for name in ("less", "more") if shutil.which(name)), [])
    try:
        words = shlex.split(said)
    except ValueError:
        return []
    return [] if words in ([], ["cat"]) or not shutil.which(words[0]) else words


@contextmanager
def _not_interrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
