"""Sends this process a signal at one of its file system events; forked.py runs hwpkho so.

These are Python's audit events for opening to write, renaming, linking, removing, making and
removing folders, beside fsync and the renameat2 that has none. The last line on standard error
says how many there were.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from hwpkho.base import renaming

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import HasFileno

P = ParamSpec("P")
R = TypeVar("R")
_EVENTS = {
    "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree",
}  # fmt: skip


class _Killer:
    def __init__(self, number: int, at: int) -> None:
        self.number, self.at, self.seen = number, at, 0

    def event(self) -> None:
        """Count one, and send the signal where it is its turn."""
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), self.number)

    def audited(self, name: str, args: tuple[object, ...]) -> None:
        """Take an event of Python's."""
        writes = name == "open" and isinstance(args[2], int) and args[2] & 3
        if writes or name in _EVENTS:
            self.event()

    def around(self, call: Callable[P, R]) -> Callable[P, R]:
        """Return ``call`` with an event before and behind it."""

        def counted(*args: P.args, **more: P.kwargs) -> R:
            self.event()
            done = call(*args, **more)
            self.event()
            return done

        return counted


def _at_once(fd: int | HasFileno) -> None:
    """Take the place of fsync."""


def prepare(number: int, at: int) -> Callable[[], None]:
    """Watch this process's events and send it signal ``number`` at event ``at``.

    Return a function that writes on standard error how many there were.
    """
    said = os.dup(2)
    killer = _Killer(number, at)
    os.fsync = killer.around(_at_once)  # a busy disk takes a second each
    renaming._renameat2 = killer.around(renaming._renameat2)
    sys.addaudithook(killer.audited)

    def say() -> None:
        os.write(said, f"events {killer.seen}\n".encode())

    return say
