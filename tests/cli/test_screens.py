"""Whole screens at 60, 80 and 120 columns, as text: what a user sees is what is written here.

``python -m tests.cli.test_screens`` writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest

from tests.support import FIXTURES, captures, replays
from tests.support.program import run_cli

SCREENS = FIXTURES / "screens"
WIDTHS = (60, 80, 120)
GOOD, LOST = "arm64-4k-B-good", "arm64-4k-B-a-outside-ram-above"
CRASH, IN_USE = "arm64-4k-B-c-count-big-past-array", "arm64-4k-B-h-kernel-text"
MAP = ("--memmap", "iomem.txt")
COMMANDS: dict[str, tuple[object, ...]] = {
    "validate-good": ("validate", "x86", *MAP),
    "validate-lost": ("validate", *replays.arguments(LOST), f"cases/{LOST}/memory", *MAP),
    "validate-crash": ("validate", *replays.arguments(CRASH), f"cases/{CRASH}/memory", *MAP),
    "validate-list": ("validate", "list.txt", "--memmap", "x86.iomem"),
    "validate-list-verbose": ("-v", "validate", "list.txt", "--memmap", "x86.iomem"),
    "validate-no-map": ("validate", "x86"),
    "validate-empty": ("validate", "empty.txt", "--memmap", "x86.iomem"),
    "validate-quiet": ("validate", "-q", "list.txt", "--memmap", "x86.iomem"),
    "validate-long": ("validate", "long.txt", "--memmap", "x86.iomem"),
    "batch": ("validate", "--batch", "cases", "--iomem-of", "next", "--arch", "arm64"),
    "batch-all": ("validate", "--batch", "cases", "--iomem-of", "next", "--arch", "arm64", "--all"),
    "decode": ("decode", "x86"),
    "diff": ("diff", "list.txt", "other.txt"),
    "list": ("list", "list.txt", "--memmap", "x86.iomem"),
    "memmap": ("memmap", "x86.iomem"),
    "explain": ("explain", "HP603"),
    "help-validate": ("help", "validate"),
    "help": ("--help",),
}  # fmt: skip


def fill(folder: Path) -> None:
    """Write the inputs of the screens."""
    (folder / "cases").mkdir()
    for name in (GOOD, LOST, CRASH, IN_USE):
        replays.unpack(name, folder / "cases")
    (folder / "cases" / "host9").mkdir()
    (folder / "cases" / "host9" / "list.txt").write_text("0x10\n")
    (folder / "cases" / "host10").mkdir()
    (folder / "cases" / "host10" / "memory.elf").write_bytes(b"\x7fELF")
    shutil.copyfile(replays.iomem(LOST), folder / "iomem.txt")
    (folder / "x86").write_bytes(captures.elf("x86-structv1-small"))
    shutil.copyfile(captures.folder("x86-structv1-small") / "iomem.txt", folder / "x86.iomem")
    (folder / "list.txt").write_text("0x10 0x979 0x1ffe0 0x999999\n")
    (folder / "other.txt").write_text("0x10 0x979 0x2000-0x2003\n")
    (folder / "empty.txt").write_text("# none\n")
    (folder / "long.txt").write_text("".join(f"{pfn:#x}\n" for pfn in range(0x2000, 0x2400, 7)))


def shown(name: str, columns: int) -> str:
    """Return the screen of a command: what it prints, then what it says beside."""
    args = [
        x if x != "iomem.txt" or name != "validate-good" else "x86.iomem" for x in COMMANDS[name]
    ]
    with mock.patch.dict(os.environ, {"COLUMNS": str(columns)}):
        got = run_cli(*args, *(["--jobs", 1] if "--batch" in args else []))
    command = " ".join(["hwpkho", *map(str, COMMANDS[name])])
    return f"$ {command}\n{got.out}{got.err}[exit {got.code}]\n"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screens")
    fill(folder)
    return folder


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_screen(name, columns, inputs):
    with chdir(inputs):
        seen = shown(name, columns)
    assert seen == (SCREENS / f"{name}-{columns}.txt").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(SCREENS.glob("*.txt")), ids=lambda p: p.stem)
def test_screens_fit_and_none_is_left_over(path):
    name, _, columns = path.stem.rpartition("-")
    assert name in COMMANDS
    command, *lines = path.read_text("utf-8").splitlines()
    assert command.startswith("$ hwpkho ")
    # What one cannot break may be longer: a range of addresses with the name of what is there.
    wide = [x for x in lines if len(x) > int(columns) and len(x.split()) > 1]
    assert [x for x in wide if not re.match(r"hwpkho: |\s+hwpkho .*|  (0x|--)\S+", x)] == []
    assert not any(x != x.rstrip() for x in lines)


class Terminal:
    """A terminal of tmux, of a server of its own, with a shell that finds the program."""

    def __init__(self, folder: Path, columns: int, lines: int, **more: str) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", os.devnull]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {"PATH": path, "LC_ALL": "C.UTF-8", "PS1": "$ ", "LESSHISTFILE": "-", **more}
        self._run(
            "new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(folder),
            *(x for name, value in env.items() for x in ("-e", f"{name}={value}")),
            f"exec env -u COLUMNS -u NO_COLOR -u PAGER -u LESS PATH={shlex.quote(path)} sh",
        )  # fmt: skip

    def _run(self, *args: str) -> str:
        done = subprocess.run(
            [*self._tmux, *args], check=True, capture_output=True, text=True, timeout=20
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._run("send-keys", *keys)

    def screen(self, until: str, *, colours: bool = False) -> list[str]:
        """Return the lines on the screen once one of them matches ``until``."""
        lines: list[str] = []
        for _ in range(400):
            lines = self._run("capture-pane", "-p", *["-e"] * colours).rstrip("\n").split("\n")
            if any(re.search(until, line) for line in lines):
                return lines
            time.sleep(0.05)
        raise AssertionError(f"{until} is not on the screen: {lines}")

    def close(self) -> None:
        """End the server and all in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path):
    if shutil.which("tmux") is None or shutil.which("less") is None:
        pytest.skip("needs tmux and less")
    (tmp_path / "list.txt").write_text("0x10 0x979 0x1ffe0 0x999999\n")
    (tmp_path / "long.txt").write_text("".join(f"{pfn:#x}\n" for pfn in range(0x2000, 0x2400, 7)))
    shutil.copyfile(captures.folder("x86-structv1-small") / "iomem.txt", tmp_path / "map")
    (tmp_path / "cases").mkdir()
    for i in (9, 10):
        (tmp_path / "cases" / f"host{i}").mkdir()
        shutil.copyfile(tmp_path / "list.txt", tmp_path / "cases" / f"host{i}" / "list.txt")
    opened: list[Terminal] = []

    def start(columns: int, lines: int, **more: str) -> Terminal:
        opened.append(Terminal(tmp_path, columns, lines, **more))
        opened[-1].screen(r"^[$#]")
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.mark.slow  # an interpreter's start a command, and real programs around
def test_a_session_in_a_terminal(terminal):
    """What fits is printed, what does not is paged; the pager ends at q, and the code is ours."""
    t = terminal(60, 30)
    t.type("hwpkho validate -q list.txt --memmap map; echo code $?", "Enter")
    lines = t.screen("^code 1$")
    at = lines.index("list.txt: 1 of 4 pages would be forgotten, 2 of 4 pages")
    assert lines[at + 1] == "  would stay in use"

    t.type("clear; hwpkho validate long.txt --memmap map; echo code $?", "Enter")
    lines = t.screen("^:")  # less waits
    assert lines[0] == "long.txt: all 147 pages should be taken out of use, unless"
    assert not any("rests on" in line for line in lines)
    t.type("G")
    assert any("the next kernel" in line or "memory by iomem" in line for line in t.screen("iomem"))
    t.type("q")
    t.screen("^code 0$")

    t.type("clear; hwpkho --no-pager validate long.txt --memmap map; echo code $?", "Enter")
    assert "  rests on  page size 4096, assumed: the list does not" in t.screen("^code 0$")

    t.type("clear; hwpkho validate list.txt --memmap map --color never --no-pager", "Enter")
    assert not any("\x1b[31m" in x for x in t.screen("rests on", colours=True))
    t.type("clear; hwpkho explain HP601", "Enter")
    assert any("\x1b[" in x and "error" in x for x in t.screen("advice", colours=True))

    t.type("clear; hwpkho valdate list.txt; echo code $?", "Enter")
    assert "hwpkho: No such command 'valdate'. Did you mean" in "\n".join(t.screen("^code 2$"))


@pytest.mark.slow  # as above
def test_a_batch_in_a_terminal(terminal):
    t = terminal(100, 30)
    t.type("hwpkho validate --batch cases --memmap map --jobs 1; echo code $?", "Enter")
    lines = t.screen("^code 1$")
    names = [line.split()[1] for line in lines if line.startswith("FAIL")]
    assert names == ["host9:", "host10:"]
    assert not any("━" in line for line in lines)  # the bar has gone


if __name__ == "__main__":
    SCREENS.mkdir(exist_ok=True)
    with TemporaryDirectory() as place:
        fill(Path(place))
        with chdir(place):
            for each in COMMANDS:
                for width in WIDTHS:
                    (SCREENS / f"{each}-{width}.txt").write_text(shown(each, width), "utf-8")
