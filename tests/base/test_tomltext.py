"""TOML from elsewhere, in every place that reads it: baselines and settings."""

from __future__ import annotations

import tomllib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base import tomltext
from hwpkho.errors import InputError
from tests.support import forked
from tests.support.examples import crossed, times

#: What Python's reader takes the square of its length for, in time and memory, or fails on.
BOMBS = {
    "dotted key": b"a." * 40_000 + b"a = 1",
    "dotted key with blanks": b"a . " * 20_000 + b"a = 1",
    "dotted key of strings": b'"a".' * 20_000 + b"a = 1",
    "dotted key in single quotes": b"'a'." * 20_000 + b"a = 1",
    "table": b"[" + b"a." * 40_000 + b"a]",
    "array of tables": b"[[" + b"a." * 40_000 + b"a]]",
    "inline table": b"x = {" + b"a." * 40_000 + b"a = 1}",
    "nested arrays": b"x = " + b"[" * 50_000,
    "nested tables": b"x = " + b"{a = " * 50_000,
    "many keys": b"".join(b"a%d=1\n" % i for i in range(110_000)),
    "many tables": b"[a]\n" * 200_000,
}
#: Place -> how the program reads it, and the exit code.
PLACES = {
    "baseline": (["validate", "list", "--baseline", "bomb"], 3),
    "settings": (["--config", "bomb", "validate", "list"], 2),
    "settings found": (["validate", "list"], 2),
    "settings among others": (["config"], 2),
}


@pytest.mark.parametrize(("name", "place"), crossed(BOMBS, PLACES, 3))
def test_a_bomb_is_refused_at_once(name, place, tmp_path):
    args, code = PLACES[place]
    (tmp_path / "list").write_text("0x10\n")
    (tmp_path / "bomb").write_bytes(BOMBS[name])
    if place == "settings found":
        (tmp_path / "bomb").rename(tmp_path / "hwpkho.toml")
    if place == "settings among others":
        (tmp_path / "pyproject.toml").write_bytes(b"[tool.hwpkho]\n" + BOMBS[name])
    got = forked.within(2, *args, cwd=tmp_path)
    assert (got.code, got.err.count(b"\n")) == (code, 1), got.err
    assert got.peak < 200 << 20


#: Text that looks like TOML.
_TOML = st.lists(
    st.sampled_from(
        ["a", "b.c", "a.b.c.d.e.f.g", '"x.y.z"', "'''", '"""', '"', "'", "\\", "#", "\n", " = ",
         ".", "1.5", "[", "]", "[[", "]]", "{", "}", ",", "1979-05-27T07:32:00.999Z", " "]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(_TOML)
@times(2)
def test_what_python_reads_is_read_alike(text):
    """But for keys of more parts than anybody has."""
    wanted = None
    with suppress(tomllib.TOMLDecodeError):
        wanted = tomllib.loads(text)
    found = None
    try:
        found = tomltext.load(text.encode(), "x")
    except InputError as error:
        if "dotted key" in str(error):
            return
    assert found == wanted


def test_what_the_reader_gets_is_short(subtests):
    """However a key is written: no part of it is hidden from the bound."""
    for part in ("a.", "a .", 'a."b".', "'c' . "):
        with subtests.test(part), pytest.raises(InputError, match="dotted key"):
            tomltext.load((part * 30 + "a = 1").encode(), "x")
    assert tomltext.load(b"a.b.c = 1.5", "x") == {"a": {"b": {"c": 1.5}}}
    with pytest.raises(InputError, match="x: not TOML: "):
        tomltext.load(b"a = \xff", "x")


def test_a_document_of_too_many_keys(monkeypatch):
    monkeypatch.setattr(tomltext, "MAX_KEYS", 100)
    with pytest.raises(InputError, match="x: more than 100 keys"):
        tomltext.load(b"x = 1\n" * 101, "x")
