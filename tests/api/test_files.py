"""What a caller may name as a file, to read and to write, and what is said of others."""

from __future__ import annotations

import io
import os
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from tests.support.captures import CAPTURES
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = CAPTURES / "x86-structv1-small"
IMAGE, IOMEM = SMALL / "memory.elf", SMALL / "iomem.txt"


def opened(files: Any) -> None:
    with hwpkho.open_case(files):
        pass


#: Every parameter that takes a file to read.
READERS: dict[str, Callable[[Any], object]] = {
    "decode": hwpkho.decode,
    "read_list": hwpkho.read_list,
    "read_memmap": hwpkho.read_memmap,
    "open_case": opened,
    "validate": hwpkho.validate,
    "memmap": lambda file: hwpkho.validate(IMAGE, memmap=file),
    "baseline": lambda file: hwpkho.validate(IMAGE, baseline=file),
    "judge": lambda file: hwpkho.judge([1], file),
    "diff": lambda file: hwpkho.diff(IMAGE, file),
    "merge": hwpkho.merge,
    "exclude": lambda file: hwpkho.merge(IMAGE, exclude=[file]),
    "write_list": lambda file: hwpkho.write_list(file, io.BytesIO()),
}


def layout() -> hwpkho.Layout:
    return hwpkho.build([0x50001], ram=[(1 << 30, 1 << 26)], scratch=[(1 << 31, 1 << 26)])


#: Every function that writes.
WRITERS: dict[str, Callable[[Any], object]] = {
    "write_elf": lambda out: layout().write_elf(out),
    "write_list": lambda out: hwpkho.write_list(IMAGE, out),
}


def said(call: Callable[[Any], object], value: Any) -> str:
    """Return the message of the InputError that a call raises."""
    with pytest.raises(hwpkho.InputError) as caught:
        call(value)
    return str(caught.value)


def as_user(call: Callable[[], str]) -> str:
    """Return what ``call`` returns in a process that is not root's."""
    there, here = os.pipe()
    child = os.fork()
    if not child:
        try:
            if not os.geteuid():
                os.seteuid(65534)
            os.write(here, call().encode())
        except BaseException as error:
            os.write(here, repr(error).encode())
        finally:
            os._exit(0)
    os.close(here)
    os.waitpid(child, 0)
    with os.fdopen(there, "rb") as answer:
        return answer.read().decode()


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_path_that_may_not_be_looked_at(at: Path) -> None:
    locked = at / "locked"
    locked.mkdir()
    (locked / "list").write_text("0x10\n")
    for folder in (at, *list(at.parents)[:2]):
        folder.chmod(0o755)
    (at / "empty").mkdir()
    for call in READERS.values():  # what others may not import is imported first
        for path in (locked, locked / "list", at / "absent", at / "empty"):
            with suppress(hwpkho.HwpkhoError):
                call(path)
    locked.chmod(0)
    try:
        for name, call in READERS.items():
            for path in (locked, locked / "list"):
                got = as_user(lambda: said(call, path))  # noqa: B023  # called at once
                assert got.startswith(f"{path}: Permission denied"), f"{name} {path}: {got}"
    finally:
        locked.chmod(0o700)


#: What is no path, and what is said of it.
NO_PATHS = {
    "x" * 300: f"{'x' * 80}…: File name too long; expected a path",
    "a line\n" * 800: "File name too long; expected a path",
    f"{'x' * 300}@0x1000": "File name too long; expected a path",
    "a\0b": "a\\x00b: not a path",
    "a\ud800": "a\\ud800: not a path",
    "": "the name of an input is empty",
    "absent": "absent: No such file or directory",
    "/proc/self/mem": "/proc/self/mem: ",
}


def test_what_is_no_path_to_read() -> None:
    for path, says in NO_PATHS.items():
        for name, call in READERS.items():
            text = said(call, path)
            assert says in text, f"{name}: {text}"
            assert len(text) < 500


def test_what_is_no_path_to_write(at: Path) -> None:
    (at / "file").touch()
    for call in (*WRITERS.values(), lambda out: layout().write_segments(out)):
        assert said(call, "x" * 300) == f"{'x' * 80}…: File name too long; expected a path"
        assert said(call, "a\0b") == "a\\x00b: not a path"
        assert "Not a directory" in said(call, "file/below")
        with pytest.raises(hwpkho.UsageError, match=r"the name of an output is empty$"):
            call("")


def test_an_empty_name_on_the_command_line() -> None:
    for arguments in (["memmap", ""], ["validate", IMAGE, "--memmap", ""], ["decode", ""]):
        got = run_cli(*arguments)
        assert (got.code, got.err) == (3, "hwpkho: the name of an input is empty\n")


def test_a_database_with_the_longest_name(at: Path) -> None:
    path = at / ("d" * 255)
    with sqlite3.connect("short") as database:
        database.execute("CREATE TABLE mc_event (id INTEGER PRIMARY KEY)")
    database.close()
    (at / "short").rename(path)
    assert hwpkho.read_list(path).pfns == []
