"""Runs the command line in processes of its own without starting an interpreter for each.

A small process loads the program once and forks a child for every run: with descriptors, limits,
environment and signals of its own, which begins in a millisecond instead of a fifth of a second.
A script of a shell finds a small program ``hwpkho`` that asks the same process.
What the interpreter itself does before and after the program (locale, buffering, compiled modules)
is not in it; tests of that start ``python -m hwpkho``.
"""

from __future__ import annotations

import gc
import io
import json
import marshal
import os
import pkgutil
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import termios
import time
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import hwpkho
from tests.support import ROOT, killed, measure
from tests.support.measure import ADDRESS_SPACE, CPU_SECONDS, Cost

#: A run that takes longer by the clock is a hang.
_SECONDS = 300
_MESSAGE = 1 << 17
#: As Python makes them.
_STREAMS = ((0, "stdin", "strict"), (1, "stdout", "strict"), (2, "stderr", "backslashreplace"))


class Running:
    """A run that was started."""

    def __init__(self, server: _Server, outputs: dict[int, int]) -> None:
        self._server, self._outputs = server, outputs

    def wait(self) -> Cost:
        """Wait for its end; ``out`` and ``err`` are empty where the caller named a descriptor."""
        code, wall, cpu, peak = self._server.answer()
        out, err = (_all_of(self._outputs[n]) if n in self._outputs else b"" for n in (1, 2))
        return Cost(code, wall, cpu, peak, out, err)


def _all_of(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def start(
    *args: object,
    cwd: Path | None = None,
    limits: dict[str, int] | None = None,
    env: dict[str, str] | None = None,
    kill: tuple[int, int] | None = None,
    **streams: IO[bytes] | int | None,
) -> Running:
    """Start ``hwpkho ARGS``.

    ``streams`` are ``stdin``, ``stdout`` and ``stderr``: a descriptor, a file, or None for a closed
    one; by default nothing is read, and ``wait`` returns what is written. ``limits`` are numbers
    by the name of a resource limit (``NOFILE``), ``env`` is added to this process's environment;
    ``kill`` is the number of a signal and the event at which it comes, see killed.py.
    """
    server = _server(os.getpid())
    given: dict[int, int] = {}
    outputs: dict[int, int] = {}
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = streams.get(name, nothing if number == 0 else -1)
        if stream == -1:
            stream = outputs[number] = os.memfd_create(name)
        if stream is not None:
            given[number] = stream if isinstance(stream, int) else stream.fileno()
    asked = {
        "args": [os.fsencode(str(a)).decode("latin-1") for a in args],
        "cwd": str(cwd or Path.cwd()),
        "env": {**os.environ, **(env or {})},
        "limits": {"CPU": CPU_SECONDS, "AS": ADDRESS_SPACE, **(limits or {})},
        "kill": kill,
        "numbers": list(given),
    }
    server.ask(asked, list(given.values()))
    os.close(nothing)
    return Running(server, outputs)


def run(*args: object, **options: Any) -> Cost:
    """Run ``hwpkho ARGS`` to its end; see :func:`start`."""
    return start(*args, **options).wait()


def within(seconds: float, *args: object, **options: Any) -> Cost:
    """Run ``hwpkho ARGS`` in less than ``seconds`` of processor time; see :func:`start`.

    Other work on the machine only adds, so it has several attempts: see :func:`measure.within`.
    """
    return measure.within(seconds, lambda: run(*args, **options), taken=lambda cost: cost.cpu)


class _Server:
    """The process that forks, and the socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_SECONDS)
        self.path = f"\0hwpkho tests {os.getpid()}"  # in no folder, however deep the checkout is
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.path)
        listener.listen()
        given = [theirs.fileno(), listener.fileno()]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked", *map(str, given)],
            pass_fds=given,
            cwd=ROOT,
        )
        theirs.close()
        listener.close()

    def ask(self, what: dict[str, Any], descriptors: list[int]) -> None:
        socket.send_fds(self._socket, [json.dumps(what).encode()], descriptors)

    def answer(self) -> Any:
        try:
            return json.loads(self._socket.recv(_MESSAGE))
        except TimeoutError:
            self._child.kill()
            close()
            raise

    def close(self) -> None:
        self._socket.close()
        self._child.wait()


@cache
def _server(_of: int) -> _Server:
    """Return the server of this process; a fork of it has one of its own."""
    return _Server()


def on_terminal(
    *args: object,
    stdout: bool = False,
    env: dict[str, str] | None = None,
    size: tuple[int, int] | None = None,
) -> tuple[bytes, bytes]:
    """Run with standard error, and standard output if asked, on a terminal of lines and columns.

    Return what else went to standard output, and what the terminal saw.
    """
    ours, theirs = pty.openpty()
    if size is not None:
        termios.tcsetwinsize(ours, size)
    options: dict[str, Any] = {"stderr": theirs, **({"stdout": theirs} if stdout else {})}
    running = start(
        *args, env={"TERM": "xterm", "COLUMNS": "80", "PAGER": "cat", **(env or {})}, **options
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # the other end was closed
        while part := os.read(ours, 1 << 16):
            seen += part
    os.close(ours)
    return running.wait().out, seen


#: Sends its arguments, environment and descriptors to the server and ends as the run there did.
#: The modules are those that an interpreter has loaded anyway.
_CLIENT = """\
#!{python} -IS
import _socket, array, marshal, posix, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({path!r})
given = []
for number in map(int, posix.listdir("/proc/self/fd")):  # bash's <( ) is number 63
    try:
        posix.fstat(number)
    except OSError:
        continue
    if number != server.fileno():
        given.append(number)
asked = marshal.dumps((sys.argv[1:], posix.getcwd(), posix.environ, given))
rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", given))
server.sendmsg([asked], [rights])
posix._exit(int(server.recv(9) or 99))
"""


def program(folder: Path) -> Path:
    """Write a program ``hwpkho`` for scripts of a shell; runs of it may wait for one another."""
    path = folder / "hwpkho"
    path.write_text(_CLIENT.format(python=sys.executable, path=_server(os.getpid()).path))
    path.chmod(0o755)
    return path


def close() -> None:
    """End the server of this process, if there is one."""
    if _server.cache_info().currsize:
        _server(os.getpid()).close()
        _server.cache_clear()


# In the server ------------------------------------------------------------------------------------


def _serve(asked: socket.socket, listener: socket.socket) -> None:
    for module in pkgutil.walk_packages(hwpkho.__path__, "hwpkho."):
        # No command needs what rests on PySpark.
        if not module.name.endswith("__main__") and not module.name.startswith("hwpkho.spark."):
            import_module(module.name)
    gc.freeze()  # the runs share it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    while True:
        if listener in select.select([asked, listener], [], [])[0]:
            _serve_script(asked, listener)
            continue
        data, descriptors, _, _ = socket.recv_fds(asked, _MESSAGE, 3)
        if not data:
            return
        began = time.perf_counter()
        pid = os.fork()
        if not pid:
            code = 99
            try:
                asked.close()
                listener.close()
                code = _child(json.loads(data), descriptors)
            except BaseException:  # of the program or of this file: the test shows it
                with suppress(OSError):
                    os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(code)
        for at in descriptors:
            os.close(at)
        _, status, used = os.wait4(pid, 0)
        took = time.perf_counter() - began
        code = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        asked.send(json.dumps([code, took, cpu, used.ru_maxrss << 10]).encode())


def _serve_script(asked: socket.socket, listener: socket.socket) -> None:
    """Run what a program in a shell asks for, beside what others ask for."""
    with suppress(ChildProcessError):  # there may be none
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    connection, _ = listener.accept()
    if os.fork():
        connection.close()
        return
    code = 99
    try:
        asked.close()
        listener.close()
        data, descriptors, _, _ = socket.recv_fds(connection, _MESSAGE, 64)
        args, cwd, env, numbers = marshal.loads(data)
        decoded = {os.fsdecode(name): os.fsdecode(value) for name, value in env.items()}
        what: dict[str, Any] = {
            "args": [os.fsencode(a).decode("latin-1") for a in args],
            "cwd": os.fsdecode(cwd),
            "env": decoded,
            "limits": {"CPU": CPU_SECONDS, "AS": ADDRESS_SPACE},
            "kill": None,
        }
        given = dict(zip(numbers, descriptors, strict=True))
        for number in sorted(given.keys() - {0, 1, 2}, reverse=True):
            os.dup2(given.pop(number), number)
        code = _child({**what, "numbers": list(given)}, list(given.values()))
    finally:
        connection.send(str(code).encode())
        os._exit(0)


def _child(asked: dict[str, Any], descriptors: list[int]) -> int:
    """Run what was asked for; return the exit code."""
    from hwpkho.cli import entry

    _streams(dict(zip(asked["numbers"], descriptors, strict=True)))
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = ["hwpkho", *(os.fsdecode(a.encode("latin-1")) for a in asked["args"])]
    for name, most in asked["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    said = killed.prepare(*asked["kill"]) if asked["kill"] else None
    code = 0
    try:
        entry.program()
    except SystemExit as end:
        code = int(end.code or 0)
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        code = code if sys.stdout is None else 120  # as the interpreter ends then
    if said:
        said()
    return code


def _streams(given: dict[int, int]) -> None:
    """Make the descriptors 0, 1 and 2 of what was given, and Python's streams of them."""
    kept = {number: os.dup(at) for number, at in given.items()}
    for number in range(3):
        if number in kept:
            os.dup2(kept[number], number)
        else:
            with suppress(OSError):
                os.close(number)
    for at in (*given.values(), *kept.values()):
        os.close(at)
    for number, name, errors in _STREAMS:
        stream = None
        if number in given:
            raw = io.FileIO(number, "w" if number else "r", closefd=False)
            line = number == 2 or (number == 1 and raw.isatty())
            buffer = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
            stream = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=line)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)  # kept open by it, whatever takes its place


if __name__ == "__main__":
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
