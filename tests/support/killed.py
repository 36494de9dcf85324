"""Runs hwpkho and sends it a signal at one of its file system events.

These are Python's audit events for opening to write, renaming, linking, removing, making and
removing folders, beside fsync and the renameat2 that has none. The last line on standard error
says how many there were.
"""

from __future__ import annotations

import os
import sys

from hwpkho.base import renaming
from hwpkho.cli import main

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

    def around(self, call):
        """Return ``call`` with an event before and behind it."""

        def counted(*args):
            self.event()
            done = call(*args)
            self.event()
            return done

        return counted


def run(number: int, at: int, args: list[str], said: int) -> int:
    """Run in a child of this process, what it says going to the descriptor ``said``.

    Return its exit code, or the negative number of the signal that ended it.
    """
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 99
    try:
        os.dup2(said, 2)
        kept = sys.stderr = os.fdopen(2, "w")
        killer = _Killer(number, at)
        os.fsync = killer.around(lambda _descriptor: None)  # a busy disk takes a second each
        renaming._renameat2 = killer.around(renaming._renameat2)
        sys.addaudithook(killer.audited)
        sys.argv = ["hwpkho", *args]
        try:
            main.run()
        except SystemExit as end:
            code = int(end.code or 0)
        os.write(kept.fileno(), f"events {killer.seen}\n".encode())
    finally:
        os._exit(code)
