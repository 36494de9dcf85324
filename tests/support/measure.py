"""Runs a program in a child and says what it cost.

The kernel counts into a child's peak memory what its parent had when it forked, so a small process
of its own (this file, run as a program) stands between the tests and what is measured.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_T = TypeVar("_T")

#: Beyond these a child is ended: a hang must not hang the tests.
CPU_SECONDS, ADDRESS_SPACE = 30, 2 << 30
#: Runs of what must be done within a time.
_ATTEMPTS = 3


class Cost(NamedTuple):
    """How a child ended and what it took: seconds by clock and processor, peak memory in bytes."""

    code: int
    wall: float
    cpu: float
    peak: int
    out: bytes
    err: bytes


def within(
    seconds: float, call: Callable[[], _T], taken: Callable[[_T], float] | None = None
) -> _T:
    """Return what ``call`` returns, once it takes less than ``seconds`` of processor time.

    It has three attempts: other work on the machine, and garbage that other tests left, only add.
    What a call changes must be made anew within it. ``taken`` gets the seconds out of what is
    returned; by default they are those of this process.

    Raises:
        AssertionError: No attempt took less.
    """
    attempts = []
    for _ in range(_ATTEMPTS):
        start = time.process_time()
        got = call()
        attempts.append(taken(got) if taken else time.process_time() - start)
        if attempts[-1] < seconds:
            return got
    times = ", ".join(f"{each:.2f}" for each in attempts)
    raise AssertionError(f"took {times} s of processor time, not less than {seconds:.2f}")


def run(args: list[str], folder: Path, address_space: int = ADDRESS_SPACE) -> Cost:
    """Run ``args`` with so many bytes of addresses; its output goes to files in ``folder``."""
    outputs = [folder / "stdout", folder / "stderr"]
    for path in outputs:
        path.unlink(missing_ok=True)  # to cut off what another run left there takes time
    done = subprocess.run(
        [sys.executable, "-S", "-E", __file__, str(address_space), *map(str, outputs), *args],
        stdout=subprocess.PIPE,
        check=True,
    )
    out, err = (path.read_bytes() for path in outputs)
    code, wall, cpu, peak = json.loads(done.stdout)
    return Cost(code, wall, cpu, peak, out, err)


def _main(address_space: int, stdout: str, stderr: str, args: list[str]) -> None:
    start = time.perf_counter()
    pid = os.fork()
    if not pid:
        try:
            for target, path in ((1, stdout), (2, stderr)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
            os.execv(args[0], args)
        finally:
            os._exit(127)
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps([code, took, used.ru_utime + used.ru_stime, used.ru_maxrss << 10]))


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
