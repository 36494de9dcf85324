"""Baselines that cost more than they say."""

from __future__ import annotations

import pytest

from hwpkho.errors import InputError
from hwpkho.judging import baseline
from tests.support import captures


@pytest.mark.parametrize(
    ("text", "why"),
    [("x = 1\n" * 101, "more than 100 keys"), ("a.b.c.d.e.f.g.h.i = 1", "more than 8 parts")],
)
def test_a_baseline_of_too_many_keys(text, why, monkeypatch):
    monkeypatch.setattr(baseline, "_MAX_KEYS", 100)
    with pytest.raises(InputError, match=why):
        baseline.parse(text.encode(), "base")


def test_a_baseline_is_not_overwritten_but_added_to(tmp_path, cli):
    listed, there = tmp_path / "list.txt", tmp_path / "accepted.toml"
    listed.write_text("0x999999\n")
    there.write_text("# ours\n")
    iomem = captures.CAPTURES / "x86-structv1-small" / "iomem.txt"
    args = ["validate", listed, "--memmap", iomem, "--write-baseline", there, "--reason", "known"]
    got = cli(*args)
    assert (got.code, len(got.err.splitlines())) == (2, 1)
    assert "exists; give --baseline" in got.err
    assert there.read_text() == "# ours\n"
    assert cli(*args, "--baseline", there).code == 1
    assert "HP601" in there.read_text()
