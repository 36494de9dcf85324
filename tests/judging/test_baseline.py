"""Baselines that are written."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.codes import registry
from hwpkho.errors import InputError
from hwpkho.judging import baseline
from hwpkho.judging.accept import acceptance
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


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Co", "Cn", "Zl", "Zp"))
)


@given(
    st.lists(
        st.builds(
            baseline.Entry,
            st.sampled_from(sorted(registry())),
            TEXT.filter(str.strip).map(str.strip),
            st.none() | st.integers(0, (1 << 63) - 1),
            st.none() | st.integers(0, (1 << 63) - 1),
            st.none() | st.integers(0, (1 << 63) - 1),
            st.none() | TEXT,
        )
    )
)
def test_baselines_are_read_back(entries):
    assert baseline.parse(baseline.build(entries).encode(), "x") == tuple(entries)
    assert baseline.parse(baseline.build_json(entries).encode(), "x") == tuple(entries)


@given(st.binary(max_size=200))
def test_any_baseline_is_read_or_refused(data):
    for text in (data, b"[[accept]]\n" + data, b'{"accept": ' + data):
        with suppress(InputError):
            assert all(e.reason for e in baseline.parse(text, "x"))


def test_baseline_that_is_none():
    with pytest.raises(InputError, match="longer than"):
        baseline.parse(bytes(baseline.MAX_SIZE + 1), "x")
    with pytest.raises(InputError, match="No such file"):
        acceptance(baseline_file="/nowhere/accepted.toml")
    assert baseline.parse(b"", "x") == ()
    assert baseline.parse(b'{"schema": "mine", "accept": []}', "x") == ()


def test_written_baselines_are_read_back():
    entries = (
        baseline.Entry("HP601", "why", 1, (1 << 63) - 1, 0, "case: Ω '\""),
        baseline.Entry("HP705", "because"),
    )
    assert baseline.parse(baseline.build(entries).encode(), "x") == entries
    assert (
        str(entries[0]) == "HP601, first 0x1, last 0x7fffffffffffffff, phys 0x0, case case: Ω '\""
    )


def test_a_dotted_reason_is_no_dotted_key():
    text = '[[accept]]\ncode = "HP603" # a.b.c.d.e.f.g.h.i.j.k\n'
    text += 'reason = "1.2.3.4.5.6.7.8.9.10.11 \\" a.b.c.d.e.f.g.h.i.j.k"\n'
    (entry,) = baseline.parse(text.encode(), "x")
    assert entry.reason.startswith("1.2.3.4")
