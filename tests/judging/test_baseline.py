"""Baselines that are written."""

from __future__ import annotations

import json

from tests.support import captures


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


def test_a_baseline_that_is_named_json_is_json(tmp_path, cli):
    listed, there = tmp_path / "list.txt", tmp_path / "accepted.json"
    listed.write_text("0x999999\n")
    iomem = captures.CAPTURES / "x86-structv1-small" / "iomem.txt"
    args = ["validate", listed, "--memmap", iomem]
    assert cli(*args, "--write-baseline", there, "--reason", "known").code == 1
    accepted = json.loads(there.read_text())["accept"]
    assert [entry["code"] for entry in accepted] == ["HP601"]
    assert cli(*args, "--baseline", there).code == 0
    more = ["--baseline", there, "--write-baseline", there, "--reason", "no more"]
    assert cli(*args, *more).code == 0
    assert json.loads(there.read_text())["accept"] == accepted
