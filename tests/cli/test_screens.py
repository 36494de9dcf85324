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

from hwpkho.cli.main import COMMANDS as PROGRAMS
from tests.support import FIXTURES, captures, replays
from tests.support.examples import some
from tests.support.made_fleet import Fleet
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
    "formats": ("formats",),
    "check": ("check", "--root", "machine"),
    "merge": ("merge", "list.txt", "other.txt", "-o", "merged.txt", "-f"),
    "fleet-ask": ("fleet", "ask", "fleet", "growing"),
    "fleet-ask-release": ("fleet", "ask", "fleet", "release"),
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
    shutil.copytree(FIXTURES / "live" / "x86-structv1-small", folder / "machine")
    Fleet(3, 2, affected=1).store(folder / "fleet")
    (folder / "list.txt").write_text("0x10 0x979 0x1ffe0 0x999999\n")
    (folder / "other.txt").write_text("0x10 0x979 0x2000-0x2003\n")
    (folder / "empty.txt").write_text("# none\n")
    (folder / "long.txt").write_text("".join(f"{pfn:#x}\n" for pfn in range(0x2000, 0x2400, 7)))


#: What a user copies whole: command lines, and what is said beside the result, of one line each.
_WHOLE = re.compile(r"hwpkho: |.*\bhwpkho\b|     +--dtb|    duckdb")


def too_wide(line: str, columns: int) -> bool:
    """Tell whether a line is wider than the screen although a break between words would help."""
    blanks = len(line) - len(line.lstrip())
    longest = max(map(len, line.split()), default=0)
    whole = _WHOLE.match(line) or re.fullmatch(r"\s*\S+\s\s+\S+", line)  # one word by its label
    return len(line) > columns >= blanks + longest and not whole


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
    assert [line for line in lines if too_wide(line, int(columns))] == []
    assert not any(x != x.rstrip() for x in lines)


#: A command whose report is for people, and what of it is not in COMMANDS.
REPORTS = (
    "decode x86", "decode x86.kho", "-v decode x86", "encode list.txt --to list -o out -f",
    "encode list.txt --ram 0x60000000:64M --no-scratch -o out -f", "encode --damage list",
    "validate x86 --memmap x86.iomem", "-v validate x86 --memmap x86.iomem",
    "validate list.txt --memmap x86.iomem --all", "validate long.txt", "-q validate long.txt",
    "validate --batch cases --jobs 1 --all", "merge list.txt x86 -o out -f",
    "merge list.txt x86 --memmap x86.iomem --provenance -o out -f", "diff list.txt x86",
    "-v diff list.txt x86 --memmap x86.iomem", "diff list.txt other.txt x86",
    "check --root machine", "-v check --root machine", "check --root machine --since list.txt",
    "capture x86 x86.kho -o out -f", "list x86", "-v list long.txt", "list ras.db",
    "list --dimms bad.log ras.db", "list bad.log", "formats", "memmap x86.iomem",
    "-v memmap x86.iomem", "memmap zeropage", "memmap sysfs",
    "memmap --next-cmdline mem=256M x86.iomem", "fleet ask fleet summary",
    "fleet ask fleet growing", "fleet ask fleet new", "fleet ask fleet worst",
    "fleet ask fleet release", "fleet ask fleet findings", "fleet ask fleet unsafe",
    "fleet ask fleet repeat", "fleet ask fleet policy --max-pages 3", "fleet add other list.txt",
    "explain", "explain HP601", "explain HP815", "schema", "--config hwpkho.toml config",
    "--config none config", "config --all", "version -v", "--help",
    *(f"help {name}" for name in PROGRAMS), "help fleet add", "help fleet ask",
)  # fmt: skip


#: A row of a picture.
_DRAWN = re.compile(r"^  0x[0-9a-f]{8,} [^ \w]|a row is|^  [^ ] [A-Z]|· nothing|^ +[*!?]+")


@pytest.fixture(scope="module")
def more(inputs):
    """The inputs of more reports."""
    source = captures.folder("x86-structv1-small")
    shutil.copytree(source / "debugfs-kho", inputs / "x86.kho")
    shutil.copytree(source / "sys-firmware-memmap", inputs / "sysfs")
    shutil.copy(FIXTURES / "neighbours/rasdaemon-sqlite/01.db", inputs / "ras.db")
    shutil.copy(FIXTURES / "neighbours/dmesg-hwpoison/01.txt", inputs / "bad.log")
    shutil.copy(FIXTURES / "memmaps-binary/boot_params-e61.bin", inputs / "zeropage")
    text = "[validate]\nmemmap = ['x86.iomem', 'sysfs']\nnext-cmdline = 'mem=4G memmap=1M$1G'\n"
    (inputs / "hwpkho.toml").write_text(text)
    return inputs


@pytest.mark.parametrize("report", some(REPORTS, 5))
def test_no_report_is_wider_than_the_screen(report, more, monkeypatch, subtests):
    """Nor is a word or a number cut: a narrow screen has the words of a wide one."""
    words = {}
    for columns in (400, 40, 60, 80, 120):
        with subtests.test(str(columns)):
            monkeypatch.setenv("COLUMNS", str(columns))
            with chdir(more):
                got = run_cli(*report.split())
            lines = got.out.splitlines()
            text = " ".join(line for line in lines if not _DRAWN.search(line))
            words[columns] = set(re.split(r"[\s|]+", text))  # choices are broken between them
            assert got.code < 2 or "1 of 6 cases could not be judged" in got.err, got.err
            assert [line for line in lines if too_wide(line, columns)] == []
            assert words[columns] - words[400] <= {"case", "cases", "0", "1", "4"}  # added before


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
