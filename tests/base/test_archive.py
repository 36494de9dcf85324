"""Tar archives read as folders: what is in them, and what hostile ones cannot do."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base import archive as archives
from hwpkho.base import kept, opening, places, tar, unpacking
from hwpkho.errors import InputError
from tests.support import forked

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    """Return a member as GNU tar writes it."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(data), target
    head = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return head + data + bytes(-len(data) % tar.BLOCK)


def read(path: Path, name: str) -> bytes:
    """Return a file in an archive that was entered."""
    descriptor = opening.regular(f"{path}/{name}")
    try:
        return opening.read_all(descriptor, 1 << 30)
    finally:
        os.close(descriptor)


@pytest.fixture(autouse=True)
def _kept():
    with kept.for_call():
        yield


def enter(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    assert opening.enter(str(path))
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_that_tar_writes(form, tmp_path) -> None:
    long = "/".join(["folder" * 4] * 3) + "/" + "n" * 60
    longer = "x" * 150 + "/" + "ü" * 40 if form != "ustar" else "y" * 90
    want = {"a": b"1", "d/b": b"two" * 4000, "d/e/empty": b"", long: b"long", longer: b"longer"}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=FORMATS[form]) as out:
        for name, data in want.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    path = enter(tmp_path / "x", gzip.compress(raw.getvalue()))
    assert {name: read(path, name) for name in want} == want
    assert [p.name for p in places.inside(path / "d")] == ["b", "e"]
    assert places.is_folder(path / "d" / "e")
    assert places.is_folder(path)
    assert places.is_file(path)
    assert not places.exists(path / "no")
    with pytest.raises(InputError, match="No such file"):
        read(path, "no")
    with pytest.raises(InputError, match="Is a directory"):
        read(path, "d")


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_files_with_holes_by_tar_itself(form, tmp_path, subtests) -> None:
    """One hole, many (GNU's map goes on in further blocks), and one at the end."""
    for name, places_of in (("one", [1]), ("many", range(40)), ("end", [])):
        with (tmp_path / name).open("wb") as out:
            for at in places_of:
                out.seek(at * 131072)
                out.write(b"data" * 1024)
            out.truncate(6 << 20)
    names = ("one", "many", "end")
    subprocess.run(
        ["tar", "-C", tmp_path, f"--format={form}", "-Scf", tmp_path / "x.tar", *names], check=True
    )
    assert (tmp_path / "x.tar").stat().st_size < 1 << 20
    assert opening.enter(str(tmp_path / "x.tar"))
    for name in names:
        with subtests.test(name):
            descriptor = opening.regular(str(tmp_path / "x.tar" / name))
            assert os.fstat(descriptor).st_blocks * 512 < 1 << 20
            os.close(descriptor)
            assert read(tmp_path / "x.tar", name) == (tmp_path / name).read_bytes()


def test_what_leads_out_is_left_out_and_counted(tmp_path, subtests) -> None:
    path = enter(
        tmp_path / "x",
        member("good", b"1")
        + member("../../etc/passwd", b"2")
        + member("/etc/shadow", b"3")
        + member("d/../../up", b"4")
        + member("link", kind=tarfile.SYMTYPE, target="/etc/passwd")
        + member("hard", kind=tarfile.LNKTYPE, target="/etc/passwd")
        + member("device", kind=tarfile.BLKTYPE)
        + member("pipe", kind=tarfile.FIFOTYPE)
        + member("again", kind=tarfile.LNKTYPE, target="./good")
        + member("/".join("d" * 100), b"5")
        + bytes(1024),
    )
    assert [p.name for p in places.inside(path)] == ["again", "etc", "good"]
    assert read(path, "etc/shadow") == b"3"  # inside the archive, and nowhere else
    assert read(path, "again") == b"1"
    found = places.within(path)
    assert found is not None
    (note,) = found[0].notes()
    left_out = "2 devices and the like, 2 links, 3 names that lead out of it"
    assert note == f"{path}: left out of this archive: {left_out}"
    for name in ("link", "hard", "device", "../etc/passwd", "../x"):
        with subtests.test(name), pytest.raises(InputError):
            read(path, name)
    assert [p.name for p in places.without_content(path)] == ["link", "hard", "device", "pipe"]
    assert places.exists(path / "link")
    with pytest.raises(InputError, match="link: is a link, not followed in an archive"):
        read(path, "link")


def test_the_later_of_two_members_counts_and_that_is_said(tmp_path) -> None:
    path = enter(
        tmp_path / "x",
        member("a", b"1")
        + member("a", b"2")
        + member("f")
        + member("f/g", b"3")
        + member("gone", b"4")
        + member("other", kind=tarfile.LNKTYPE, target="gone")
        + member("gone", kind=tarfile.SYMTYPE)
        + member("back", kind=tarfile.SYMTYPE)
        + member("back", b"5"),
    )
    assert read(path, "a") == b"2"
    assert read(path, "f/g") == b"3"
    assert [read(path, "other"), read(path, "back")] == [b"4", b"5"]
    with pytest.raises(InputError, match="gone: is a link, not followed in an archive"):
        read(path, "gone")
    assert [p.name for p in places.inside(path)] == ["a", "back", "f", "other"]
    assert [p.name for p in places.without_content(path)] == ["gone"]
    found = places.within(path)
    assert found is not None
    cut, left_out = found[0].notes()
    assert cut == f"{path}: has no tar end mark: it may be cut off"
    assert "2 files of which a later member has the name" in left_out
    assert "2 links" in left_out
    assert "1 file in a folder's place" in left_out


def test_too_many_members_and_names(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 20)
    (tmp_path / "x").write_bytes(b"".join(member(str(i)) for i in range(30)))
    with pytest.raises(InputError, match="tar archive: more than 20 members"):
        opening.enter(str(tmp_path / "x"))
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1000)
    monkeypatch.setattr(archives, "_MAX_NAMES", 50_000)
    deep = "/".join(["abc"] * 60)
    (tmp_path / "x").write_bytes(b"".join(member(f"{i}/{deep}") for i in range(30)))
    with pytest.raises(InputError, match="names are longer than those of any machine"):
        opening.enter(str(tmp_path / "x"))


@pytest.mark.slow  # three seconds
def test_a_million_members_end_soon(tmp_path) -> None:
    one = member("x")
    block = b"".join(one for _ in range(1000))
    with gzip.open(tmp_path / "x", "wb", 1) as out:
        for _ in range(150):
            out.write(block)
    got = forked.run("decode", tmp_path / "x")
    assert (got.code, got.out) == (3, b"")
    assert b"tar archive: more than 131072 members" in got.err
    assert got.peak < 400 << 20


@pytest.mark.parametrize(
    "size", ["77777777777", "\x80\0\0\0\0\0\1\0\0\0\0\0", "\xff" * 12, "no number!!!"]
)
def test_sizes_beyond_the_archive(size, tmp_path) -> None:
    data = bytearray(member("x", b"1"))
    data[124 : 124 + len(size)] = size.encode("latin-1")
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + sum(data[156:512]) + 8 * 32)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError, match="the member at offset 0x0 reaches past the end"):
        opening.enter(str(tmp_path / "x"))


@pytest.mark.parametrize("said", ["\u00b2", "\u0665", "9" * 30, "-1", "", "1_0", "+1"])
@pytest.mark.parametrize("name", ["size", "GNU.sparse.realsize"])
def test_what_pax_calls_a_number(name, said, tmp_path) -> None:
    """Digits of other scripts, of which Python takes some; and more of them than any size has."""
    records = {"GNU.sparse.major": "1"} if name != "size" else {}
    pairs = (f" {key}={value}\n".encode() for key, value in {**records, name: said}.items())
    raw = b"".join(b"%d" % (len(pair) + len(b"%d" % len(pair))) + pair for pair in pairs)
    head = member("list", raw, kind=b"x") + member(
        "list", b"1\n0\n5\n".ljust(512, b"\0") + b"0x10\n"
    )
    (tmp_path / "x").write_bytes(head + bytes(1024))
    got = forked.run("validate", tmp_path / "x")
    assert (got.code, got.err.count(b"\n")) == (3, 1), got.err


def _sparse(numbers: list[int], real: int, data: bytes = b"") -> bytes:
    """Return a file with holes of pax format 1.0."""
    lines = "".join(f"{n}\n" for n in numbers).encode()
    body = lines + bytes(-len(lines) % tar.BLOCK) + data
    info = tarfile.TarInfo("GNUSparseFile.0/x")
    info.size = len(body)
    info.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x",
        "GNU.sparse.realsize": str(real),
    }  # fmt: skip
    return info.tobuf(tarfile.PAX_FORMAT) + body + bytes(-len(body) % tar.BLOCK)


@pytest.mark.parametrize(
    ("numbers", "real"),
    [
        ([1, 0, 4], 1 << 63), ([1, 0, 4], 3), ([2, 4, 4, 0, 4], 100), ([1, 0, 5000], 9000),
        ([1 << 60, 0, 4], 100), ([1, -1, 4], 100), ([], 4), ([3, 1], 9),
    ],
)  # fmt: skip
def test_bent_maps_of_holes(numbers, real, tmp_path) -> None:
    (tmp_path / "x").write_bytes(_sparse(numbers, real, b"data" * 128))
    with pytest.raises(InputError, match="no valid map of holes"):
        opening.enter(str(tmp_path / "x"))


def test_a_hole_of_a_petabyte_is_refused(tmp_path) -> None:
    path = enter(tmp_path / "x", _sparse([1, 0, 4], 1 << 50, b"data" * 128))
    with pytest.raises(InputError, match=rf"x/x: {1 << 50} bytes are more than .*=SIZE raises"):
        read(path, "x")


def test_archives_beyond_what_is_unpacked(tmp_path, monkeypatch) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(member("x", bytes(3 << 20))))
    monkeypatch.setenv(unpacking.LIMIT, "1M")
    with pytest.raises(InputError, match="unpacks to more than 1 MiB"):
        opening.enter(str(tmp_path / "x"))


@given(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=6), st.data())
def test_bent_archives_are_one_line(changes, data) -> None:
    plain = bytearray(
        member("d", kind=tarfile.DIRTYPE) + member("d/a", b"1" * 600)
        + _sparse([2, 0, 4, 4096, 4], 9000, b"data" * 2) + member("n" * 200, b"2")
    )  # fmt: skip
    for at, value in changes:
        plain[at % len(plain)] = value
    del plain[data.draw(st.integers(600, len(plain))) :]
    with tempfile.TemporaryDirectory() as folder, kept.for_call():
        path = Path(folder) / "x"
        path.write_bytes(plain)
        said = ""
        try:
            if opening.enter(str(path)):
                found = places.within(path)
                assert found is not None
                for name in found[0].files():
                    read(path, name)
        except InputError as error:
            said = str(error)
        assert said.isprintable()


def test_nothing_of_an_archive_is_read_without_asking(tmp_path) -> None:
    """Outside a call nothing is kept, and a path into an archive leads nowhere."""
    path = enter(tmp_path / "x", member("a", b"1"))
    with kept.for_call(), pytest.raises(InputError, match="Not a directory"):
        read(path, "a")
