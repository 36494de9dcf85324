"""Presses TAB in a real shell on a terminal of its own, and tells what became of the line."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Tells what it was called with, each word in brackets.
_TELLS = {
    "bash": "{}() {{ printf 'GOT:'; printf '[%s]' \"$@\"; echo; }}\n",
    "zsh": "{}() {{ printf 'GOT:'; printf '[%s]' \"$@\"; echo; }}\n",
    "fish": "function {}\n printf 'GOT:'; printf '[%s]' $argv; echo\nend\n",
}
_START = {
    "bash": ["bash", "--noprofile", "--rcfile", "{rc}", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--init-command", "source {rc}", "-i"],
}
_READY = "READY-%d"
_SECONDS = 30


def pressed(shell: str, script: Path, line: str, folder: Path, name: str = "hwpkho") -> list[str]:
    """Return the words that ``line`` became by a TAB at its end, without the program's name.

    ``script`` is the completion file, ``folder`` the working directory and home of the shell, in
    which a file is left.
    """
    rc = folder / f".rc-{shell}"
    ready = _READY.replace("%d", "$((6*7))") if shell != "fish" else "READY-(math 6 x 7)"
    first = "autoload -Uz compinit; compinit -u -D\n" if shell == "zsh" else ""
    told = f"{first}{_TELLS[shell].format(name)}source {shlex.quote(str(script))}\necho {ready}\n"
    rc.write_text(told)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        command = [word.format(rc=rc) for word in _START[shell]]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8"}
        os.execvpe(command[0], command, env)
    try:
        if shell == "zsh":
            _until(terminal, r"[%#] ")
            os.write(terminal, f"source {shlex.quote(str(rc))}\n".encode())
        _until(terminal, "READY-42")
        os.write(terminal, f"{line}\t".encode())
        _until(terminal, None)  # until nothing more comes
        os.write(terminal, b"\r")
        said = _until(terminal, r"GOT:.*[\r\n]")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return re.findall(r"\[([^]]*)\]", said.split("GOT:")[-1])


def _until(terminal: int, pattern: str | None) -> str:
    said, end = "", time.monotonic() + _SECONDS
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.7 if pattern is None else 1)
        if not ready and pattern is None:
            return said
        if ready:
            try:
                said += os.read(terminal, 1 << 16).decode("utf-8", "replace")
            except OSError:
                break
        if pattern is not None and re.search(pattern, said):
            return said
    raise AssertionError(f"nothing like {pattern!r} within {_SECONDS} s: {said!r}")
