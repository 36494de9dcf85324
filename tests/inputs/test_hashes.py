"""SHA-256 of inputs, as sha256sum prints it."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from hwpkho.inputs import hashes
from hwpkho.inputs.hashes import InputFile


def _whole(path, name=None):
    raw = path.read_bytes()
    return InputFile(str(name or path), len(raw), sha256(raw).hexdigest())


def test_files_folders_and_pieces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "kho"
    (folder / "out").mkdir(parents=True)
    for name, text in (("list", "0x10\n"), ("kho/b", "b"), ("kho/out/fdt", "f"), ("a+b", "c")):
        (tmp_path / name).write_text(text)
    assert hashes.of(["list"]) == (_whole(tmp_path / "list", "list"),)
    assert hashes.of(["list@0x1000", "list"]) == hashes.of(["list"])
    found = hashes.of(["kho+list"])
    assert [f.name for f in found] == ["kho/b", "kho/out/fdt", "list"]
    assert hashes.of(["a+b"]) == (_whole(tmp_path / "a+b", "a+b"),)


def test_what_has_no_sum_says_why(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    large = tmp_path / "large"
    large.write_bytes(b"0123456789")
    monkeypatch.setattr(hashes, "MAX_SIZE", 5)
    got = hashes.of(["-", str(tmp_path / "pipe"), str(tmp_path / "none"), str(large)])
    assert all(f.sha256 is None for f in got)
    assert [f.why for f in got] == [
        "read once, and not kept", "no regular file", "No such file or directory",
        "too large to read once more",
    ]  # fmt: skip


def test_a_folder_of_many_files_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(hashes, "MAX_FILES", 3)
    for i in range(5):
        (tmp_path / str(i)).write_text("x")
    got = hashes.of([str(tmp_path)])
    assert len(got) == 4
    assert got[-1].why == "more than 3 files"


def test_a_folder_is_looked_at_once(tmp_path):
    """Links lead back into it, and 100 folders of 100 each, four levels deep, are too many."""
    folder = tmp_path / "a"
    folder.mkdir()
    for n in range(100):
        (folder / str(n)).symlink_to(".")
    (tmp_path / "file").write_text("x")
    assert [Path(f.name).name for f in hashes.of([str(tmp_path)])] == ["file"]


def test_a_link_that_cannot_be_followed_hides_no_file(tmp_path):
    """Its target is no name that a file can have."""
    (tmp_path / "b").write_bytes(b"x")
    (tmp_path / "a").symlink_to("n" * 300)
    found = hashes.of([str(tmp_path)])
    assert [(file.name.rpartition("/")[2], file.why) for file in found] == [
        ("a", "File name too long"),
        ("b", ""),
    ]


@pytest.mark.parametrize("link", ["a/b/link", "z/b/link"])
def test_a_folder_to_which_a_longer_way_leads_first_is_looked_at_as_deep(link, tmp_path):
    """The link is found before the folder, at the end of the depth, or behind it."""
    (tmp_path / "kho" / "out" / "sub").mkdir(parents=True)
    (tmp_path / "kho" / "out" / "sub" / "f").write_text("x")
    (tmp_path / link).parent.mkdir(parents=True)
    (tmp_path / link).symlink_to("../../kho")
    name = tmp_path / "kho" / "out" / "sub" / "f"
    assert _whole(name) in hashes.of([str(tmp_path)])
