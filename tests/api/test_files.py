"""What a caller may name as a file, to read and to write, and what is said of others."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import mmap
import os
import sqlite3
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from tests.support.captures import CAPTURES
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_a_path_that_may_not_be_looked_at(at: Path, subtests: pytest.Subtests) -> None:
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
                with subtests.test(f"{name} {path.name}"):
                    got = as_user(lambda: said(call, path))  # noqa: B023  # called at once
                    assert got.startswith(f"{path}: Permission denied")
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


def test_what_is_no_path_to_read(subtests: pytest.Subtests) -> None:
    for path, says in NO_PATHS.items():
        for name, call in READERS.items():
            with subtests.test(f"{name} {path[:9]!r}"):
                text = said(call, path)
                assert says in text
                assert len(text) < 500
    for arguments in (["memmap", ""], ["validate", IMAGE, "--memmap", ""], ["decode", ""]):
        with subtests.test(" ".join(map(str, arguments))):
            got = run_cli(*arguments)
            assert (got.code, got.err) == (3, "hwpkho: the name of an input is empty\n")


@pytest.mark.slow
def test_what_is_no_path_to_write(at: Path, subtests: pytest.Subtests) -> None:
    (at / "file").touch()
    writers = {**WRITERS, "write_segments": lambda out: layout().write_segments(out)}
    for name, call in writers.items():
        with subtests.test(name):
            assert said(call, "x" * 300) == f"{'x' * 80}…: File name too long; expected a path"
            assert said(call, "a\0b") == "a\\x00b: not a path"
            assert "Not a directory" in said(call, "file/below")
            with pytest.raises(hwpkho.UsageError, match=r"the name of an output is empty$"):
                call("")


class Named(io.BytesIO):
    name = "/" + "y" * 300


@pytest.mark.slow
def test_the_name_of_an_open_file_is_no_path(at: Path) -> None:
    assert hwpkho.read_list(Named(b"0x10\n")).pfns == [0x10]
    assert hwpkho.judge([1], Named(IOMEM.read_bytes())).rows()[0].verdict == "in-use"
    (at / "<BytesIO>").mkdir()
    assert hwpkho.read_list(io.BytesIO(b"0x10\n")).pfns == [0x10]
    (at / "list").write_text("0x10\n")
    with Path(f"{at}/list").open("rb", buffering=0), open(f"{at}//list", "rb") as twice:  # noqa: PTH123  # Path has one /
        assert hwpkho.read_list(twice).pfns == [0x10]
        assert hwpkho.merge(twice, twice).pfns == [0x10]


@pytest.mark.slow
def test_a_database_with_the_longest_name(at: Path) -> None:
    path = at / ("d" * 255)
    with sqlite3.connect("short") as database:
        database.execute("CREATE TABLE mc_event (id INTEGER PRIMARY KEY)")
    database.close()
    (at / "short").rename(path)
    assert hwpkho.read_list(path).pfns == []


class Reads:
    """Has read() alone, and gives what it is told."""

    def __init__(self, *given: Any) -> None:
        self.given = list(given)

    def read(self, _size: int) -> Any:
        found = self.given.pop(0) if self.given else b""
        if isinstance(found, Exception):
            raise found
        return found


def test_anything_with_read_is_read() -> None:
    expected = hwpkho.decode(IMAGE).pfns
    image = IMAGE.read_bytes()
    with IMAGE.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        mapped.seek(5)
        assert hwpkho.decode(mapped).pfns == expected
        assert mapped.tell() == 5
    assert hwpkho.decode(Reads(image[:5], bytearray(image[5:]))).pfns == expected
    assert hwpkho.judge([1], Reads(IOMEM.read_bytes())).counts


def test_an_open_file_that_cannot_be_read(subtests: pytest.Subtests) -> None:
    packed = gzip.compress(IMAGE.read_bytes())
    for file, says in (
        (Reads(b"0x10", OSError(errno.EIO, "Input/output error")), "<Reads>: Input/output error"),
        (Reads(b"0x10", None), "<Reads>: does not block, and gives nothing now"),
    ):
        with subtests.test(says):
            assert said(hwpkho.read_list, file) == says
    for data, says in (
        (packed[:-20], "<GzipFile>: cannot be read: Compressed file ended"),
        (packed[:50] + bytes(9), "<GzipFile>: cannot be read: "),
        (b"0x10", "<GzipFile>: Not a gzipped file"),
    ):
        with subtests.test(says), gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
            assert said(hwpkho.read_list, unpacked).startswith(says)
    for call, needed in ((hwpkho.decode, "handover"), (hwpkho.read_memmap, "memory map")):
        with subtests.test(needed):
            says = f"<BytesIO>: this is a list of bad pages, not a {needed}; judge it: "
            assert said(call, io.BytesIO(b"0x10\n")) == f"{says}hwpkho validate FILE"
    with pytest.raises(RuntimeError, match="the program's own"):
        hwpkho.read_list(Reads(RuntimeError("the program's own")))
    with pytest.raises(TypeError, match=r"<Reads>: read\(\) gives str, expected bytes"):
        hwpkho.read_list(Reads("0x10"))


def test_a_file_of_no_use_is_no_file(at: Path, subtests: pytest.Subtests) -> None:
    path = at / "list"
    path.write_text("0x10\n")
    closed = path.open("r+b")
    closed.close()
    detached = io.BufferedRandom(io.BytesIO())  # type: ignore[arg-type]
    detached.detach()
    with (
        path.open("r+") as text,
        codecs.open(str(path), "r+", "utf-8") as coded,
        tempfile.NamedTemporaryFile("w+") as wrapped,
        path.open("ab") as written,
        path.open("rb") as buffered,
        path.open("rb", buffering=0) as raw,
    ):
        texts: list[tuple[Any, str]]
        texts = [(file, "a file open for text") for file in (text, coded, wrapped)]
        shut = [(file, "a closed file") for file in (closed, detached)]
        texts = [*texts, *shut, (io.BytesIO, "type")]
        unread = [*texts, (written, "a file open for writing only")]
        read = [(file, "a file open for reading only") for file in (buffered, raw)]
        for calls, files in ((READERS, unread), (WRITERS, [*texts, *read])):
            for name, call in calls.items():
                for file, called in files:
                    with (
                        subtests.test(f"{name}: {type(file).__name__}, {called}"),
                        pytest.raises(TypeError, match=rf"^\w+: expected .*, not {called}$"),
                    ):
                        call(file)


class Writes:
    """Has write() alone."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        self.written += data


def test_anything_with_write_is_written_to(at: Path, subtests: pytest.Subtests) -> None:
    for name, call in WRITERS.items():
        with subtests.test(name):
            core = io.BytesIO()
            call(core)
            expected, writes = core.getvalue(), Writes()
            call(writes)
            assert writes.written == expected
            with gzip.open(at / "packed", "wb") as packed:
                call(packed)
            assert gzip.decompress((at / "packed").read_bytes()) == expected
            with (at / "file").open("wb", buffering=0) as file:
                call(file)
            with (at / "file").open("ab") as more:
                call(more)
            assert (at / "file").read_bytes() == expected * 2  # appended
            with Path(os.devnull).open("wb") as nothing:
                call(nothing)
            # Holes must not show what was there before.
            before = io.BytesIO(b"\xff" * len(expected))
            call(before)
            assert before.getvalue() == expected


class Full(io.RawIOBase):
    """Takes a few bytes at a time, and nothing once it is full."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int | None:
        taken = bytes(data[: min(7, self.room)])
        self.room -= len(taken)
        self.taken += taken
        return len(taken) or None


def test_a_file_that_cannot_be_written(at: Path, subtests: pytest.Subtests) -> None:
    there, here = os.pipe()
    os.close(there)
    for name, call in WRITERS.items():
        with subtests.test(name):
            assert said(call, "/dev/full") == "/dev/full: No space left on device"
            with Path("/dev/full").open("wb", buffering=0) as full:
                assert said(call, full) == "</dev/full>: No space left on device"
            whole, raw = io.BytesIO(), Full(1 << 30)
            call(whole)
            call(raw)
            assert raw.taken == whole.getvalue()
            assert said(call, Full(20)) == "<Full>: does not block, and is full"
            with os.fdopen(os.dup(here), "wb", buffering=0) as pipe:
                assert said(call, pipe).endswith("Broken pipe")
    os.close(here)
    os.mkfifo(at / "fifo")
    left = threading.Thread(target=lambda: (at / "fifo").open("rb").close())
    left.start()
    many = io.BytesIO(b"0x100000-0x1fffff\n")
    assert said(lambda out: hwpkho.write_list(many, out), "fifo") == "fifo: Broken pipe"
    left.join()
    with mmap.mmap(-1, 4096, access=mmap.ACCESS_READ) as fixed, pytest.raises(TypeError) as caught:
        hwpkho.write_list(IMAGE, fixed)
    assert str(caught.value).startswith("<mmap>: write() takes no bytes: ")


def test_a_hyphen_is_a_file(
    at: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("sys.stdout", None)
    layout().write_elf("-")
    for path in ("-", Path("-")):
        with subtests.test(repr(path)):
            assert hwpkho.decode(path).pfns == [0x50001]
    assert (at / "-").exists()
    hwpkho.write_list(IMAGE, "-", force=True)
    assert hwpkho.read_list("-").pfns
    assert "no root FDT" in said(hwpkho.decode, "-@0x1000")
    (at / "-").unlink()
    layout().write_segments("-")
    assert hwpkho.decode("-").pfns == [0x50001]
    assert said(hwpkho.decode, "absent/-").startswith("absent/-: ")
    (at / "-").rename(at / "other")
    for name, call in READERS.items():
        with subtests.test(name):
            assert said(call, "-").startswith("./-: No such file or directory")


@pytest.mark.slow
def test_bytes_are_whatever_holds_them(subtests: pytest.Subtests) -> None:
    placed: dict[str, Any] = {"ram": [(1 << 30, 1 << 26)]}
    blob, expected = b"11" * 3000, io.BytesIO()
    hwpkho.build([1], subtrees={"x": blob}, **placed).write_elf(expected)
    kinds: tuple[Callable[[bytes], Any], ...] = (bytearray, memoryview)
    for kind in kinds:
        with subtests.test(kind.__name__):
            made = io.BytesIO()
            hwpkho.build([1], subtrees={"x": kind(blob)}, **placed).write_elf(made)
            assert made.getvalue() == expected.getvalue()
            with (
                hwpkho.open_case(IMAGE) as image,
                hwpkho.open_memory(
                    image, image.extents(), vmcoreinfo=kind(b"PAGESIZE=4096\n")
                ) as case,
            ):
                assert case.decode().pfns
