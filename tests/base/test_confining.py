"""A case of a batch reads nothing outside it, whatever somebody does to its paths meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hwpkho.base import confining, kept, opening
from hwpkho.errors import InputError


@pytest.fixture
def case(tmp_path):
    """A case's folder, and a file outside."""
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "list.txt").write_text("inside")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "case"


def _read(path):
    descriptor = opening.regular(str(path))
    try:
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


def _outside(case, name):
    with confining.confined(confining.resolved([str(case)])):
        with pytest.raises(InputError) as refused:
            _read(case / name)
        with pytest.raises(InputError):
            confining.check_tree(str(case))
    return str(refused.value)


@pytest.mark.parametrize("to", ["../secret", "/etc/passwd", "..", "/dev/zero", "../nothing"])
def test_a_link_that_leads_outside(to, case):
    """Nothing is told of what is outside, not even that it is not there."""
    (case / "link").symlink_to(to)
    assert "is outside the batch's folder" in _outside(case, "link")


def test_a_folder_beside_that_begins_alike_is_outside(case):
    (case.parent / "case2").mkdir()
    (case.parent / "case2" / "x").write_text("secret")
    (case / "link").symlink_to("../case2/x")
    assert "is outside the batch's folder" in _outside(case, "link")


def test_a_link_within_is_followed(case):
    (case / "link").symlink_to("list.txt")
    (case / "loop").symlink_to(".")
    with confining.confined(confining.resolved([str(case)])):
        confining.check_tree(str(case))
        assert _read(case / "link") == _read(case / "loop" / "link") == "inside"


@pytest.mark.parametrize("opener", [opening.regular, opening.stream, opening.memory])
def test_what_is_checked_is_what_is_read(opener, case, monkeypatch):
    """Somebody puts a link in the place of a file, right after its path was followed."""
    followed = os.open

    def then_replaced(path, flags, *rest, **named):
        found = followed(path, flags, *rest, **named)
        if flags & os.O_PATH:
            (case / "list.txt").unlink(missing_ok=True)
            (case / "list.txt").symlink_to("../secret")
        return found

    with confining.confined(confining.resolved([str(case)])):
        monkeypatch.setattr(os, "open", then_replaced)
        descriptor = opener(str(case / "list.txt"))
    assert os.read(descriptor, 100) == b"inside"
    os.close(descriptor)


@pytest.mark.parametrize("files", [True, False])
def test_a_file_of_a_case_stays_what_was_opened_first(files, case):
    path = case / "list.txt"
    with kept.for_call(files=files):
        assert _read(path) == "inside"
        (case / "new").write_text("another")
        (case / "new").replace(path)
        assert _read(path) == ("inside" if files else "another")
    assert _read(path) == "another"


def test_a_case_of_more_files_than_are_held_open(case):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(100):
        (case / str(number)).write_text(str(number))
    with kept.for_call(files=True):
        names = [*map(str, range(100))] * 2
        assert [_read(case / name) for name in names] == names
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 80
    assert len(list(Path("/proc/self/fd").iterdir())) == before
