"""Sends output that is longer than the terminal through a pager.

Output is held back until it is more than fits; then the pager gets it and all that follows. If the
user quits the pager early, that is not an error. Output to a file or pipe is not touched.
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

#: Bytes held back at most, more than any terminal shows: output may have no line ends.
_MAX_HELD = 1 << 18
#: Options of less(1), the same as git's: -F quit if it fits, -R colours, -X leave it on the screen.
_LESS = "FRX"


@contextmanager
def on_terminal(wanted: Callable[[], bool]) -> Iterator[None]:
    """Send what the block prints on a terminal through a pager if it is too long.

    ``wanted`` is called at the first output; if it returns False, there is no pager.
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
    """A raw stream that holds output back, and passes it to the pager once it does not fit."""

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
        with _not_interrupted():  # Ctrl-C is for the pager until it ends
            self._pager.wait()

    def _fits(self) -> bool:
        if self._held.count(b"\n") < 8 and len(self._held) < 1024:
            return True
        width, height = os.get_terminal_size(self._out.fileno())
        if not width or not height:  # the size is not known, as on a serial line
            return False
        rows = 0
        for line in self._held.decode(self._out.encoding, "replace").split("\n"):
            rows += max(1, -(-cells(line) // width))
        return rows <= height - 1  # the prompt needs a row

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
    """Return the pager's command: PAGER, else less or more; empty if PAGER is empty or cat."""
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
