"""The pieces of one case, joined with a plus sign."""

from __future__ import annotations

import pytest

from hwpkho.errors import UsageError
from hwpkho.inputs import plus


@pytest.mark.parametrize(
    ("argument", "there", "want"),
    [
        ("a", [], ["a"]),
        ("a+b", [], ["a", "b"]),
        ("a+b", ["a+b"], ["a+b"]),
        ("a+b+c", ["a+b"], ["a+b", "c"]),
        ("a+b+c", ["b+c", "a"], ["a", "b+c"]),
        ("x+y@0x1000+-", ["x+y"], ["x+y@0x1000", "-"]),
        ("nul\0+b", [], ["nul\0", "b"]),
    ],
)
def test_pieces(argument, there, want, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in there:
        (tmp_path / name).touch()
    assert plus.split(argument) == want


def test_empty_pieces():
    with pytest.raises(UsageError, match="is empty"):
        plus.split("a++b")
