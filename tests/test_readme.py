"""The README shows real output: every console block is run and compared.

``python -m tests.test_readme --update`` writes the present output into the blocks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import ROOT, forked

README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n(?P<body>.*?)```", re.DOTALL)
PROMPT = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n", re.MULTILINE)


def run(command: str) -> str:
    """Return what a command of the README prints, run at the top of the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        forked.program(Path(folder))
        return _in_shell(command, f"{folder}:{os.environ['PATH']}")


def _in_shell(command: str, path: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode()


def commands(body: str) -> list[tuple[str, str]]:
    """Return ``(command, output as it stands)`` of a block."""
    found = list(PROMPT.finditer(body))
    ends = [m.start() for m in found[1:]] + [len(body)]
    return [(m["command"], body[m.end() : end]) for m, end in zip(found, ends, strict=True)]


SHOWN = [pair for block in BLOCK.finditer(README.read_text()) for pair in commands(block["body"])]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[c[:60] for c, _ in SHOWN])
def test_output_is_real(command, output):
    assert run(command) == output


def test_the_library_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def update() -> None:
    """Write the present output of each command into the README."""

    def fill(block: re.Match[str]) -> str:
        pairs = commands(block["body"])
        return "```console\n" + "".join(f"$ {c}\n{run(c)}" for c, _ in pairs) + "```"

    README.write_text(BLOCK.sub(fill, README.read_text()))


if __name__ == "__main__" and "--update" in sys.argv:
    update()
