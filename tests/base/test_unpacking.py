"""Compressed inputs wherever an input stands; cut off, damaged, and larger than anybody wants."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwpkho
from hwpkho.base import opening, unpacking
from hwpkho.errors import InputError
from tests.support import FIXTURES, captures, certain, forked
from tests.support.examples import crossed, much, some
from tests.support.program import run_cli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

CAPTURE = "x86-structv1-small"
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    # As the program does it: the library leaves the checksum out.
    "zstd": lambda data: zstd.compress(
        data, options={zstd.CompressionParameter.checksum_flag: 1}
    ),
}  # fmt: skip
#: What pzstd writes before each frame.
SKIPPED = b"\x50\x2a\x4d\x18\4\0\0\0\1\2\3\4"


@pytest.fixture(params=some(PACK, 3))
def method(request):
    return request.param


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A capture: its memory, map, list and a manifest."""
    folder = captures.folder(CAPTURE)
    (tmp_path / "memory").write_bytes(captures.elf(CAPTURE))
    shutil.copyfile(folder / "iomem.txt", tmp_path / "iomem")
    (tmp_path / "list").write_text("0x1234\n0x1300-0x1302\n")
    line = {"case": "a", "inputs": ["list"], "memmap": ["iomem"]}
    (tmp_path / "manifest").write_text(json.dumps(line) + "\n")
    return tmp_path


def _pack(folder: Path, method: str) -> None:
    for path in sorted(folder.iterdir()):
        path.write_bytes(PACK[method](path.read_bytes()))


#: Wherever an input stands.
CALLS = (
    "decode memory --json", "validate memory --memmap iomem --json",
    "validate --batch manifest --json", "memmap iomem --json", "list list --json",
    "diff memory list --json", "merge list memory --memmap iomem",
    "validate list --memmap iomem --json",
)  # fmt: skip


@pytest.mark.parametrize(("call", "method"), crossed(CALLS, PACK, 4))
def test_wherever_an_input_stands(call, method, case, monkeypatch) -> None:
    monkeypatch.chdir(case)
    plain = run_cli(*call.split())
    assert plain.code in (0, 1)
    _pack(case, method)
    assert run_cli(*call.split()) == plain


def test_pieces_and_raw_memory(case, method, monkeypatch, subtests) -> None:
    monkeypatch.chdir(case)
    memory = dict(captures.segments(captures.elf(CAPTURE)))
    base = next(iter(memory))
    parts = {"raw": memory[base], "rest": captures.elf(CAPTURE)}
    for args in (["diff", f"rest+raw@0x{base:x}", "list", "--json"], ["decode", f"raw@0x{base:x}"]):
        with subtests.test(args[0]):
            for name, data in parts.items():
                Path(name).write_bytes(data)
            plain = run_cli(*args)
            for name, data in parts.items():
                Path(f"{name}.packed").write_bytes(PACK[method](data))
                Path(f"{name}.packed").rename(name)
            assert run_cli(*args) == plain


def test_a_batch_folder(case, method, tmp_path_factory) -> None:
    top = tmp_path_factory.mktemp("batch")
    shutil.copytree(case, top / "one")
    for name in ("manifest", "list"):
        (top / "one" / name).unlink()
    plain = run_cli("validate", "--batch", top, "--json")
    assert plain.json["results"][0]["result"] is not None
    _pack(top / "one", method)
    assert run_cli("validate", "--batch", top, "--json") == plain


@pytest.mark.parametrize(("name", "method"), crossed(["memory", "iomem", "list"], PACK, 4))
def test_standard_input_and_pipes(name, method, case) -> None:
    args = {"memory": ["decode", "-", "--json"], "iomem": ["memmap", "-"], "list": ["list", "-"]}
    packed = PACK[method]((case / name).read_bytes())
    with (case / name).open("rb") as file:
        plain = forked.run(*args[name], stdin=file)
    assert plain.code == 0
    (case / "packed").write_bytes(packed)
    with (case / "packed").open("rb") as file:
        assert forked.run(*args[name], stdin=file).out == plain.out
    read, write = os.pipe()
    running = forked.start(*args[name], stdin=read)
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as pipe:  # as it comes: little, then all
        pipe.write(packed[:1])
        time.sleep(0.01)
        pipe.write(packed[1:])
    assert running.wait().out == plain.out


def _pfns(file: Any) -> Any:
    found = certain(hwpkho.decode(file).handovers[0].hwpoison).pfns
    return list(certain(found))


def test_the_library_reads_them_too(case, method) -> None:
    packed = PACK[method]((case / "memory").read_bytes())
    (case / "packed").write_bytes(packed)
    plain = _pfns(case / "memory")
    assert _pfns(case / "packed") == plain
    assert _pfns(io.BytesIO(packed)) == plain


def _read(data: bytes, tmp_path: Path) -> bytes:
    path = tmp_path / "x"
    path.write_bytes(data)
    return opening.small(str(path), 1 << 30)


def test_several_streams_and_padding(tmp_path, method, subtests) -> None:
    one, two = PACK[method](b"one\n" * 100), PACK[method](b"two\n" * 70_000)
    parts = {
        "two": (one + two, b"one\n" * 100 + b"two\n" * 70_000),
        "padded": (one + bytes(512) + two + bytes(8192), b"one\n" * 100 + b"two\n" * 70_000),
        "empty": (PACK[method](b"") + one, b"one\n" * 100),
    }
    if method == "zstd":
        parts["pzstd"] = (SKIPPED + one + SKIPPED + two, parts["two"][1])
        parts["skipped"] = (one + SKIPPED, b"one\n" * 100)
    for name, (packed, expected) in parts.items():
        with subtests.test(name):
            assert _read(packed, tmp_path) == expected


def test_padding_that_is_a_hole_is_passed_over(tmp_path, method) -> None:
    with (tmp_path / "x").open("wb") as out:
        out.write(PACK[method](b"0x10\n"))
        out.seek(4 << 40)
        out.write(PACK[method](b"0x20\n"))
        out.truncate(8 << 40)
    got = forked.within(1, "list", "x", "--pfns", cwd=tmp_path)
    assert got.code == 0
    assert got.out.split() == [b"0x10", b"0x20"]


def test_cut_off_and_damaged_streams_end_with_one_line(case, method, monkeypatch, subtests) -> None:
    monkeypatch.chdir(case)
    packed = PACK[method](captures.elf(CAPTURE))
    for cut in (unpacking.HEAD, len(packed) // 2, len(packed) - 1):
        with subtests.test(f"cut at {cut}"):
            Path("cut").write_bytes(packed[:cut])
            got = run_cli("decode", "cut")
            assert (got.code, got.out) == (3, "")
            assert got.err.startswith(
                f"hwpkho: cut: the {method} stream is cut off: the file ends at "
            )
            assert got.err.count("\n") == 1
    for rest in (b"x", b"no other stream" * 10, packed[:1]):
        with subtests.test(f"{rest[:9]!r} follows"):
            Path("more").write_bytes(packed + rest)
            got = run_cli("decode", "more")
            assert got.code == 3
            assert (
                f"more: what follows the {method} stream at offset 0x{len(packed):x} is " in got.err
            )
    bent = bytearray(packed)
    bent[len(packed) // 2] ^= 0x55
    Path("bent").write_bytes(bent)
    got = run_cli("decode", "bent")
    assert got.code == 3
    assert f"bent: the {method} stream is " in got.err


@given(st.data())
def test_whatever_is_damaged_is_one_line(data) -> None:
    method = data.draw(st.sampled_from(list(PACK)))
    packed = bytearray(PACK[method](bytes(range(256)) * 40))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(packed)
        said = ""
        try:
            os.close(opening.regular(str(path)))
        except InputError as error:
            said = str(error)
        assert said.isprintable()


def test_a_bomb_is_refused_and_costs_little(tmp_path, method, subtests) -> None:
    size = much(4, 64)
    zeros = PACK[method](bytes(size << 18))
    (tmp_path / "bomb").write_bytes(zeros * 20)
    for command in ("decode", "memmap", "list"):
        with subtests.test(command):
            limits = {unpacking.LIMIT: f"{size}M", "TMPDIR": str(tmp_path)}
            got = forked.run(command, "bomb", cwd=tmp_path, env=limits)
            assert (got.code, got.out) == (3, b"")
            assert got.err.decode() == (
                f"hwpkho: bomb: unpacks to more than {size} MiB; HWPKHO_MAX_UNPACKED=SIZE raises "
                "that limit\n"
            )
            assert got.peak < 300 << 20
            assert [p.name for p in tmp_path.iterdir()] == ["bomb"]


@pytest.mark.parametrize("data", [pytest.param(b"", marks=pytest.mark.slow), b"\n"])
def test_many_small_streams_take_no_time(data, method, tmp_path) -> None:
    """What follows a stream is not copied for each of them."""
    one = PACK[method](data)
    (tmp_path / "many").write_bytes(one * (much(1 << 19, 4 << 20) // len(one)))
    got = forked.within(much(1, 8) / 2, "validate", tmp_path / "many")
    assert got.code in (0, 3)
    assert got.err.count(b"\n") <= 1


def test_frames_to_be_skipped_are_bounded(tmp_path, monkeypatch) -> None:
    most = much(1000, unpacking._SMALL)
    monkeypatch.setattr(unpacking, "_SMALL", most)
    (tmp_path / "many").write_bytes(zstd.compress(b"0x10\n") + SKIPPED * (most + most // 8))
    got = run_cli("validate", tmp_path / "many")
    assert (got.code, got.err.count("\n")) == (3, 1)
    assert "zstd streams of less than 1 KiB each" in got.err
    (tmp_path / "some").write_bytes((SKIPPED + zstd.compress(b"0x10\n")) * much(100, 500))
    assert run_cli("validate", tmp_path / "some").code == 0


def test_the_limit_is_a_size(case, monkeypatch, subtests) -> None:
    monkeypatch.chdir(case)
    _pack(case, "gzip")
    size = len(captures.elf(CAPTURE))
    for value, code in ((str(size), 0), (str(size - 1), 3), ("1G", 0), ("64kib", 3), ("a", 3)):
        with subtests.test(value):
            monkeypatch.setenv(unpacking.LIMIT, value)
            assert run_cli("decode", "memory").code == code
    assert run_cli("decode", "memory").err == (
        "hwpkho: HWPKHO_MAX_UNPACKED=a: is not a size such as 64G\n"
    )


def test_holes_stay_holes(tmp_path, method) -> None:
    data = b"x" * 5000 + bytes(4 << 20) + b"y" * 5000
    packed = PACK[method](data)
    (tmp_path / "x").write_bytes(packed)
    descriptor = opening.regular(str(tmp_path / "x"))
    status = os.fstat(descriptor)
    assert status.st_size == len(data)
    assert status.st_blocks * 512 < 1 << 18
    assert stat.S_IMODE(status.st_mode) & 0o077 == 0
    assert status.st_nlink == 0
    os.close(descriptor)


def test_small_ones_need_no_temporary_folder(tmp_path, method, monkeypatch) -> None:
    def none(*_args: Any, **_more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", none)
    assert _read(PACK[method](b"x" * unpacking.IN_MEMORY), tmp_path)
    with pytest.raises(InputError, match=r"into a temporary file in .*: No space left.*TMPDIR"):
        _read(PACK[method](b"x" * (unpacking.IN_MEMORY + 1)), tmp_path)


def test_it_is_unpacked_once(case, method, monkeypatch) -> None:
    _pack(case, method)
    seen = []
    unpacked = unpacking.unpacked

    def counted(*args: Any, **more: Any) -> int:
        if "enough" not in more:  # the first block alone is looked at for what it is
            seen.append(args[2])
        return unpacked(*args, **more)

    monkeypatch.setattr(unpacking, "unpacked", counted)
    for name in ("list", "manifest"):
        (case / name).unlink()
    top = case.parent / "top"
    top.mkdir()
    case.rename(top / "one")
    assert run_cli("validate", "--batch", top).code in (0, 1)
    assert sorted(map(os.path.basename, seen)) == ["iomem", "memory"]
    shutil.rmtree(top)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("zstd", "to read it before Python 3.14 install the extra: pip install 'hwpkho[kdump]'"),
        ("bzip2", "this Python was built without support for it"),
        ("xz", "this Python was built without support for it"),
    ],
)
def test_without_its_library(method, says, case, monkeypatch) -> None:
    if sys.version_info >= (3, 14):
        says = "this Python was built without support for it"
    _pack(case, method)
    for module in ("compression", "compression.zstd", "backports.zstd", "bz2", "lzma"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(case)
    got = run_cli("decode", "memory")
    assert (got.code, got.out) == (3, "")
    said = f"hwpkho: memory: is {method}-compressed; {says}; or unpack it: {method} -d\n"
    assert got.err == said


def test_a_database(tmp_path, method) -> None:
    database = FIXTURES / "neighbours" / "rasdaemon-sqlite" / "01.db"
    plain = run_cli("list", database, "--json").json["entries"]
    (tmp_path / "db").write_bytes(PACK[method](database.read_bytes()))
    packed = run_cli("list", tmp_path / "db", "--json").json["entries"]
    for entry in (*plain, *packed):
        entry["source"] = None
    assert packed == plain
    assert plain


class Flipped:
    """A toy's stream: b"TOY", the length in a byte, and the bytes with all bits turned."""

    def __init__(self) -> None:
        self._held, self.eof, self.unused_data = b"", False, b""
        self.needs_input = True

    def decompress(self, data: bytes, _most: int = 0, /) -> bytes:
        self._held += data
        if len(self._held) < 4 or len(self._held) < 4 + self._held[3]:
            return b""
        end = 4 + self._held[3]
        self.eof, self.unused_data = True, self._held[end:]
        return bytes(255 - byte for byte in self._held[4:end])


def test_a_way_to_compress_is_a_line_of_the_table(tmp_path, monkeypatch) -> None:
    def toy(text: bytes) -> bytes:
        return b"TOY%c" % len(text) + bytes(255 - byte for byte in text)

    def absent() -> Flipped:
        raise ImportError

    row = unpacking.Method("toy", re.compile(b"TOY"), Flipped, between=re.compile(b"PAD"))
    monkeypatch.setattr(unpacking, "METHODS", (*unpacking.METHODS, row))
    path = tmp_path / "list"
    path.write_bytes(toy(b"0x1\n") + toy(b"0x2\n"))
    assert run_cli("list", "--pfns", str(path)).out == "0x1\n0x2\n"
    path.write_bytes(toy(b"0x1\n") + b"PAT")
    assert "what follows the toy stream at offset 0x8 is not another" in run_cli("list", path).err
    path.write_bytes(toy(b"0x1\n") + b"PAD")
    assert "the toy stream is cut off" in run_cli("list", path).err
    row = row._replace(open=absent, missing="get a toy")
    monkeypatch.setattr(unpacking, "METHODS", (row,))
    assert "is toy-compressed; get a toy; or unpack it: toy -d" in run_cli("list", path).err
