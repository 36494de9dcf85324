"""What is no file is never waited for, and a file that becomes shorter ends nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hwpkho.base import opening, tar, unpacking
from hwpkho.base.reading import Input
from hwpkho.errors import InputError, ReadError
from tests.support import FIXTURES, captures, forked
from tests.support.examples import some
from tests.support.handovers import Machine

_WAIT_NOT = os.O_RDONLY | os.O_NONBLOCK
KDUMP = FIXTURES / "kdump"


@pytest.fixture(autouse=True)
def at_once():
    """End what waits: nothing here takes a second."""

    def late(_number, _frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _fifo(path):
    os.mkfifo(path)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as one, contextmanager(_inside)(path.parent):
        one.bind(path.name)  # the name of a socket is short


def _inside(folder):
    here = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    yield
    os.fchdir(here)
    os.close(here)


def _zero(path):
    path.symlink_to("/dev/zero")


def _terminal(path):
    path.symlink_to("/dev/ptmx")


def _link_to_a_fifo(path):
    os.mkfifo(path.with_name("a-fifo"))
    path.symlink_to("a-fifo")


NONE = {
    "fifo": _fifo, "socket": _socket, "device": _zero, "terminal": _terminal,
    "link to a fifo": _link_to_a_fifo,
}  # fmt: skip

#: Where it stands, below a folder that is fine without it → what is called in that folder.
PLACES: dict[str, list[Any]] = {
    "x": ["validate", "x"],
    "l": ["merge", "l", "x"],
    "list+x": ["diff", "list", "list+x"],
    "raw": ["decode", "raw@0x40000000"],
    "map": ["validate", "list", "--memmap", "map"],
    "map2": ["memmap", "map2"],
    "baseline": ["validate", "list", "--baseline", "baseline"],
    "manifest": ["validate", "--batch", "manifest"],
    "blob": ["encode", "list", "--at", "0x60000000", "--no-scratch", "--subtree", "a=blob",
             "-o", "out"],
    "tree": ["encode", "list", "--at", "0x60000000", "--no-scratch", "--dtb", "tree", "-o", "out"],
    "image": ["capture", "image", "-o", "out"],
    "seg/0x9000.bin": ["decode", "seg"],
    "seg/handover.json": ["decode", "seg"],
    "kho/out/fdt": ["decode", "kho"],
    "kho/out/scratch_phys": ["decode", "kho"],
    "kho/out/sub_fdts/x": ["decode", "kho"],
    "memmap/0/start": ["memmap", "memmap"],
    "batch/case/anything": ["validate", "--json", "--jobs", 1, "--batch", "batch"],
    "batch/case/0x9000.bin": ["validate", "--json", "--jobs", 1, "--batch", "batch"],
    "batch/case/handover.json": ["validate", "--json", "--jobs", 1, "--batch", "batch"],
}  # fmt: skip


@pytest.fixture
def fine(tmp_path, monkeypatch):
    """Inputs of every kind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text("0x10\n")
    m = Machine()
    m.handover()
    for folder in ("seg", "batch/case"):
        (tmp_path / folder).mkdir(parents=True)
        for phys, data in m.memory.items():
            (tmp_path / folder / f"0x{phys:x}.bin").write_bytes(data)
    shutil.copytree(captures.CAPTURES / "x86-fdtv1-small" / "debugfs-kho", tmp_path / "kho")
    (tmp_path / "memmap/0").mkdir(parents=True)
    for name, value in (("start", "0x0"), ("end", "0x9ffff"), ("type", "System RAM")):
        (tmp_path / "memmap/0" / name).write_text(value + "\n")
    return tmp_path


@pytest.mark.parametrize(("place", "args"), PLACES.items())
def test_the_folders_are_fine_without(place, args, fine, cli):
    if "/" in place:
        assert cli(*args).code in (0, 1), place


#: A device that a user names as an input may be one that shows memory.
_INPUTS = ("x", "l", "list+x", "raw", "image")


@pytest.mark.parametrize(
    ("place", "kind"),
    some(
        [
            (p, k)
            for p in PLACES
            for k in NONE
            if p not in _INPUTS or k not in ("device", "terminal")
        ],
        2,
    ),
)
def test_what_is_no_file_is_refused_at_once(place, kind, fine, cli):
    args = PLACES[place]
    name = "x" if place in ("l", "list+x") else place
    (fine / name).unlink(missing_ok=True)
    NONE[kind](fine / name)
    if place == "l":
        args = ["merge", "list", "x"]
    got = cli(*args)
    assert got.code == 3, got.err
    if "--json" in args:
        assert [r["exit"] for r in got.json["results"]] == [3]
        said = got.json["results"][0]["error"]
    else:
        assert got.out == ""
        said = got.err.removesuffix("\n")
    assert "\n" not in said
    assert Path(name).name in said or "neither a file nor a folder" in said


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/ptmx", "/dev/full"])
def test_a_device_that_shows_no_memory(device, cli, subtests):
    """A user may name one, and it has neither an end nor anything to say."""
    for args in (["decode", device], ["validate", device], ["memmap", device]):
        with subtests.test(args[0]):
            got = cli(*args)
            assert (got.code, got.out) == (3, "")
            assert len(got.err.splitlines()) == 1


def test_a_file_that_waits_for_something_to_happen(cli, subtests):
    """/proc/kmsg and tracefs's trace_pipe say that they are files."""
    try:
        with open("/proc/kmsg", "rb", opener=lambda p, _: os.open(p, _WAIT_NOT)) as log:
            while log.read(1 << 16):
                pass
    except OSError as error:
        pytest.skip(f"/proc/kmsg: {error.strerror}: only root reads it")
    for args in (
        ["list", "/proc/kmsg"], ["memmap", "/proc/kmsg"], ["validate", "--batch", "/proc/kmsg"],
    ):  # fmt: skip
        with subtests.test(args[0]):
            got = cli(*args)
            assert (got.code, got.out) == (3, "")
            assert got.err == (
                "hwpkho: /proc/kmsg: gives nothing until something happens; save it first\n"
            )


SHELL = [
    ("hwpkho merge <(echo 0x1) <(echo 0x2)", "0x1\n0x2\n"),
    ("echo 0x4 | hwpkho merge /dev/stdin", "0x4\n"),
    ("echo 0x3 | hwpkho merge -", "0x3\n"),
    ("echo 0x5 | hwpkho merge /proc/self/fd/0", "0x5\n"),
    (
        "hwpkho memmap --to iomem <(echo '00100000-001fffff : System RAM')",
        "00100000-001fffff : System RAM\n",
    ),
]


@pytest.mark.parametrize(("script", "said"), SHELL)
def test_what_the_shell_hands_over_is_read(script, said, tmp_path):
    forked.program(tmp_path)
    got = subprocess.run(
        ["bash", "-ec", f"{script} 2>/dev/null"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (got.returncode, got.stdout) == (0, said)


def test_a_folder_s_file_never_is_what_the_shell_handed_over(fine, cli):
    out, into = os.pipe()
    os.write(into, b"0x1\n")
    (fine / "batch/case/list").symlink_to(f"/proc/self/fd/{out}")
    got = cli("validate", "--json", "--jobs", 1, "--batch", "batch")
    assert got.code == 3
    os.close(out)
    os.close(into)


# Files that become shorter


class _Shrinking:
    """Cuts a file off after so many of its reads."""

    def __init__(self, path, reads, patch):
        self.left, self.path, self.real = reads, path, os.pread
        patch.setattr("hwpkho.images.files.os.pread", self)

    def __call__(self, *args):
        if args[1] in (unpacking.HEAD, tar.BLOCK):  # a look at what it is, while it is opened
            return self.real(*args)
        if not self.left:
            os.truncate(self.path, 4096)
        self.left -= 1
        return self.real(*args)


@pytest.mark.parametrize("kind", ["elf", "raw", "segments", "kdump", "flattened"])
def test_a_file_that_becomes_shorter_is_said_or_read_right(kind, tmp_path, cli, subtests):
    m = Machine()
    m.handover(range(0x1000, 0x1400))
    spec = path = tmp_path / "image"
    if kind == "raw":
        low, high = min(m.memory), max(m.memory)
        path.write_bytes(
            b"".join(m.memory.get(at, bytes(4096)) for at in range(low, high + 4096, 4096))
        )
        spec = f"{path}@0x{low:x}"
    elif kind == "segments":
        spec = tmp_path / "seg"
        spec.mkdir()
        low = min(m.memory)
        path = spec / f"0x{low:x}.bin"
        path.write_bytes(
            b"".join(m.memory.get(at, bytes(4096)) for at in range(low, max(m.memory) + 1, 4096))
        )
    elif kind == "elf":
        path.write_bytes(m.elf())
    else:
        name = "memory.kdump-zlib" + ("-flat" if kind == "flattened" else "")
        path.write_bytes((KDUMP / name).read_bytes())
    whole = path.read_bytes()
    expected = cli("decode", "--json", spec)
    assert expected.code in (0, 1), expected.err
    said = 0
    for reads in (*range(12), 20, 40, 80, 160):
        with subtests.test(f"{reads} reads"):
            path.write_bytes(whole)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("hwpkho.images.files.SMALL", 0)  # what is read at once is whole
                _Shrinking(path, reads, patch)
                got = cli("decode", "--json", spec)
            if got != expected:
                said += 1
                assert (got.code, got.out) == (3, "")
                assert got.err.count("\n") == 1
                assert "became shorter while it was read" in got.err
    assert said


@pytest.mark.parametrize("size", [1 << 15, 1 << 20])
def test_a_map_that_becomes_shorter(size, tmp_path, subtests):
    path = tmp_path / "x"
    path.write_bytes(b"x" * size)
    for how, read in (("whole", Input.whole), ("pieces", lambda i: list(i.pieces()))):
        with subtests.test(how):
            path.write_bytes(b"x" * size)
            with Input(str(path)) as source:
                os.truncate(path, 4096)
                if size > 1 << 16:
                    with pytest.raises(ReadError, match="became shorter"):
                        read(source)


def test_small_reads_no_more_than_it_was_asked_for(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert opening.small(str(path), 3) == b"1234"
    with pytest.raises(InputError, match="Is a directory"):
        opening.small(str(tmp_path), 3)
    with pytest.raises(InputError, match="not a path"):
        opening.regular("a\0b")
