"""Runs the program in a child and says what it cost."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Beyond these a child is ended: a hang must not hang the tests.
_CPU_SECONDS, _ADDRESS_SPACE = 30, 2 << 30


@dataclass(frozen=True)
class Cost:
    """How a child ended, and what it took: processor seconds, peak memory in bytes."""

    code: int
    cpu: float
    peak: int
    out: bytes
    err: bytes


def run(args: list[str], folder: Path) -> Cost:
    """Run ``args``; its output goes to files in ``folder``."""
    outputs = [folder / "stdout", folder / "stderr"]
    pid = os.fork()
    if not pid:  # pragma: no cover - in the child, which becomes the program
        try:
            for target, path in zip((1, 2), outputs, strict=True):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
            resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
            os.execv(args[0], args)
        finally:
            os._exit(127)
    _, status, used = os.wait4(pid, 0)
    out, err = (path.read_bytes() for path in outputs)
    return Cost(
        os.waitstatus_to_exitcode(status),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss << 10,
        out,
        err,
    )


def hwpkho(args: list[str], folder: Path) -> Cost:
    """Run the program of this checkout."""
    return run([sys.executable, "-m", "hwpkho", *args], folder)
