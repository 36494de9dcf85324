"""Terminals of any encoding, streams that are full or gone, signals, too few descriptors."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from hwpkho.cli import main
from hwpkho.cli.main import load
from hwpkho.errors import UsageError
from tests.support import FIXTURES, ROOT, captures, certain, forked, kill_table
from tests.support.examples import crossed, much, some

PROGRAM = [sys.executable, "-m", "hwpkho"]
ENCODINGS = ["ascii", "latin-1", "cp437"]
#: A C locale without Python's own remedies.
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
FULL = Path("/dev/full")
NAME = "d\u00e9j\u00e0-\u2026\u4e2d-\udcff"


def run(*args, env=None, **more):
    return subprocess.run(
        [*PROGRAM, *map(str, args)],
        capture_output=True,
        check=False,
        env={**os.environ, **(env or {})},
        **more,
    )


def shown(encoding, *args):
    """Run in this process, in a terminal of such an encoding; return exit code and bytes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, "strict") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hwpkho", *map(str, args)])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main.run()
        out.flush()
        err.flush()
    written = [stream.buffer.getvalue() for stream in (out, err)]
    if encoding == "ascii":
        assert all(text.isascii() for text in written)
    return end.value.code or 0, *written


@pytest.fixture
def strange(tmp_path):
    """A batch whose case, and files, have names that no single encoding has."""
    folder = tmp_path / "batch" / NAME
    folder.mkdir(parents=True)
    (folder / "l\u2026").write_text("0x10\n")
    (folder / "map").write_text("00100000-bfffffff : System RAM \u2026\n")
    return tmp_path / "batch"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", [None, *main.COMMANDS])
def test_help_in_any_encoding(command, encoding):
    code, out, err = shown(encoding, *([command] if command else []), "--help")
    assert (code, err) == (0, b"")
    assert b"Examples:" in out or b"Usage:" in out


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_messages_and_reports_in_any_encoding(encoding, strange, subtests):
    map_ = next(strange.rglob("map"))
    assert shown(encoding, "decode", "\u2026")[0] == 3
    assert shown(encoding, "\u2026")[0] == 2
    assert shown(encoding, "validate", "--fail-on", "\u2026")[0] == 2
    assert shown(encoding, "memmap", "--to", "iomem", map_)[0] == 0
    assert shown(encoding, "memmap", map_)[0] == 0
    for name in ("text", "json", "ktap", "junit", "sarif"):
        with subtests.test(name):
            code, out, _ = shown(
                encoding, "validate", "--batch", strange, "--jobs", 1, "--format", name
            )
            assert code == 0
            if name == "junit":
                suite = certain(ET.fromstring(out).find("testsuite"))
                assert certain(suite.get("name")).startswith("d\u00e9j\u00e0-")
            if name in ("json", "sarif"):
                json.loads(out)


def test_a_c_locale(strange, subtests):
    calls = [["validate", "--batch", strange, "--jobs", 1], ["decode", "\u2026"]]
    for args in (*calls, ["decode", "--help"])[: much(1, 3)]:
        with subtests.test(ascii(args)):
            got = run(*args, env=C_LOCALE)
            assert got.returncode == 3 * (args[1] == "\u2026"), got.stderr
            assert (got.stdout + got.stderr).isascii()


@pytest.mark.parametrize(
    ("locale", "plain"),
    some(
        [
            ({"LC_CTYPE": "C"}, True),
            ({"LC_CTYPE": "POSIX", "LANG": "C.UTF-8"}, True),
            ({"LANG": "C"}, True),
            ({"LC_CTYPE": "C.UTF-8", "LANG": "C", "PYTHONUTF8": "1"}, False),
            ({}, False),
        ],
        4,
    ),
)
def test_pictures_of_the_c_locale_however_it_is_named(locale, plain):
    """In it Python sets LC_CTYPE to C.UTF-8 before it starts."""
    iomem = FIXTURES / "captures" / "x86-structv1-small" / "iomem.txt"
    got = subprocess.run(
        [*PROGRAM, "memmap", iomem], capture_output=True, check=True, cwd=ROOT, env=locale
    )
    assert (b"####" in got.stdout) == plain
    assert ("\u2588" in got.stdout.decode()) == (not plain)


@pytest.mark.parametrize(
    ("encoding", "there"), some([("ascii", b"\\u2026"), ("utf-8", b"\xe2\x80\xa6")], 2)
)
def test_what_an_encoding_lacks_is_escaped(encoding, there):
    got = run("decode", "--help", env={"PYTHONIOENCODING": encoding})
    assert b"one 0x" + there + b" a line" in got.stdout


ENDS = [
    (0, ["merge", "l", "l"]),
    (0, ["encode", "l", "--at", "0x60000000", "--no-scratch", "-o", "e"]),
    (2, ["nothing"]),
    (2, []),
    (3, ["decode", "none"]),
    (3, ["validate", "--batch", "m.jsonl", "--json", "--jobs", "1"]),
]


@pytest.fixture
def manifest(tmp_path):
    """A folder with a manifest of a case that is judged and one that cannot be."""
    (tmp_path / "l").write_text("0x10\n")
    (tmp_path / "m.jsonl").write_text('{"case": "a", "inputs": ["l"]}\n{"case": "b"}\n')
    return tmp_path


@pytest.mark.parametrize(("code", "args"), ENDS)
def test_a_full_standard_error_changes_no_exit_code(code, args, manifest):
    with FULL.open("wb") as full:
        got = forked.run(*args, stderr=full, cwd=manifest)
    assert got.code == code
    if "--json" in args:
        assert len(json.loads(got.out)["results"]) == 2


#: What says something beside its result, or looks whether somebody watches.
TALKING = [
    ["merge", "list", "list2"],
    ["merge", "list", "list2", "--memmap", "map", "-o", "out"],
    ["encode", "list", *kill_table.PLACED, "-o", "out"],
    ["capture", "image", "-o", "out"],
    ["validate", "--batch", "cases.jsonl", "--jobs", 1],
    ["list", "list", "--to", "badram"],
    ["decode", "list"],
]


@pytest.mark.parametrize("args", TALKING, ids=lambda args: args[0])
def test_a_closed_standard_error_changes_nothing(args, tmp_path):
    """Nothing that is opened takes its place: what goes to descriptor 2 would go into a file."""
    kill_table.inputs(tmp_path)
    wanted = forked.run(*args, cwd=tmp_path)
    written = (tmp_path / "out").read_bytes() if "out" in args else b""
    (tmp_path / "out").unlink(missing_ok=True)
    got = forked.run(*args, cwd=tmp_path, stderr=None)
    assert (got.code, got.out) == (wanted.code, wanted.out)
    assert got.code == (3 if args[0] == "decode" else 0)
    if written:
        assert (tmp_path / "out").read_bytes() == written


@pytest.mark.parametrize("unbuffered", some(["1", ""], 2))
@pytest.mark.parametrize(("code", "args"), ENDS[-1:])
def test_nor_does_what_python_still_has_to_write_at_its_end(code, args, unbuffered, manifest):
    with FULL.open("wb") as full:
        got = subprocess.run(
            [*PROGRAM, *args],
            stdout=subprocess.PIPE,
            stderr=full,
            check=False,
            cwd=manifest,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert got.returncode == code


@pytest.mark.parametrize(
    ("unbuffered", "args"), crossed(["", "1"], [["--help"], ["merge", "LIST"]], 3)
)
def test_a_full_standard_output_is_an_error(args, unbuffered, tmp_path):
    (tmp_path / "LIST").write_text("0x10\n")
    with FULL.open("wb") as full:
        got = subprocess.run(
            [*PROGRAM, *args],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert got.returncode == 3
    assert got.stderr.count(b"\n") == 1
    assert got.stderr.endswith(b"hwpkho: standard output: No space left on device\n")


@pytest.mark.parametrize("descriptors", [5, pytest.param(8, marks=pytest.mark.slow)])
def test_too_few_file_descriptors(descriptors, tmp_path, subtests):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    (tmp_path / "m.jsonl").write_text('{"case": "a", "inputs": ["l"]}\n' * 2)
    (tmp_path / "l").write_text("1\n")
    (tmp_path / "seg").mkdir()
    for i in range(8):
        (tmp_path / "seg" / f"0x{i:x}000.bin").write_bytes(bytes(4096))
    batch = ["validate", "--batch", "m.jsonl", "--jobs", "2"]
    for args in (batch, ["decode", "seg"], ["validate", "l"])[: much(1, 3)]:
        with subtests.test(args[0]):
            got = run(*args, cwd=tmp_path, preexec_fn=few)
            assert got.returncode in (0, 3)
            assert len(got.stderr.splitlines()) == (got.returncode == 3), got.stderr


@pytest.mark.parametrize("delay", [None, pytest.param(1.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("number", "code"), some([(signal.SIGINT, 130), (signal.SIGTERM, 143)], 2))
def test_a_batch_that_is_ended_says_so_in_one_line(number, code, delay, tmp_path):
    """As Ctrl-C does: every process of the batch gets the signal."""
    (tmp_path / "l").write_text("\n".join(map(str, range(0, 20_000, 2))))
    lines = [json.dumps({"case": f"c{i}", "inputs": ["l"]}) for i in range(500)]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    child = subprocess.Popen(
        [*PROGRAM, "validate", "--batch", "m.jsonl", "--json", "--jobs", "2"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    if delay is None:
        assert certain(child.stdout).read(1) == b"{"  # it is at work
    else:
        time.sleep(delay)
    os.killpg(child.pid, number)
    _, err = child.communicate(timeout=60)
    said = {130: b"hwpkho: interrupted\n", 143: b"hwpkho: ended by SIGTERM\n"}[code]
    assert (child.returncode, err) == (code, said)
    for _ in range(100):  # nothing is left behind
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process of the batch is still there")


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.each
@pytest.mark.parametrize(
    "words",
    [
        ("encode", "list", "--at", "1G", "--no-scratch", "-o", "-"),
        ("encode", "list", "--at", "1G", "--no-scratch", "--to", "blob"),
        ("encode", "list", "--to", "efi-table"),
        ("list", "list", "--to", "efi-table"),
        ("merge", "list", "--to", "efi-table"),
        ("capture", "core", "-o", "-"),
    ],
)
def test_nothing_binary_goes_to_a_terminal(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("0x10\n")
    Path("core").write_bytes(captures.elf("x86-structv1-small"))
    command, *options = words
    says = "is binary and standard output is a terminal: give -o FILE"
    terminal = _Terminal(raw := io.BytesIO())
    with redirect_stdout(terminal), pytest.raises(UsageError, match=says):
        load(command).main(options, standalone_mode=False)
    terminal.flush()
    assert raw.getvalue() == b""
