"""JSON from elsewhere, in every place that reads it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base import jsontext
from hwpkho.errors import InputError
from tests.support.examples import crossed, times

#: What Python's reader takes and no program can use, or what it fails on in its own ways.
UNUSABLE = {
    "NaN": "NaN",
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "beyond a float": "1e999",
    "5000 digits": "1" * 5000,
    "41 digits": "1" * 41,
    "deep array": "[" * 50_000 + "]" * 50_000,
    "deep object": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "lone surrogate": r'"\ud800"',
    "lone surrogate in a name": r'{"\udfff": 1}',
    "two surrogates in the wrong order": r'"\udc00\ud800"',
    "a key twice": '{"a": 1, "a": 1}',
    "not closed": '{"a": 1',
    "bad escape": r'"\x"',
    "control character": '"\x01"',
}

#: Place → a document with a hole, and how the program reads it.
PLACES: dict[str, tuple[str, list[object]]] = {
    "list": (
        '{"schema": "hwpkho.list/1", "page_size": null, "pfns": [1], "x": HOLE}',
        ["validate", "FILE"],
    ),
    "decode document": (
        '{"schema": "hwpkho.decode/1", "handovers": HOLE}',
        ["diff", "FILE", "FILE"],
    ),
    "memmap": (
        '{"schema": "hwpkho.memmap/1", "arch": HOLE, "maps": [{"name": "x", "entries": []}]}',
        ["memmap", "FILE"],
    ),
    "baseline": ('{"accept": [], "schema": HOLE}', ["validate", "LIST", "--baseline", "FILE"]),
    "manifest": (
        '{"case": "a", "inputs": ["LIST"], "options": {"max_pages": HOLE}}',
        ["validate", "--jobs", 1, "--json", "--batch", "FILE"],
    ),
    "handover.json": (
        '{"kho_fdt": [1, 2], "kho_scratch": [3, 4], "page_size": 4096, "x": HOLE}',
        ["decode", "SEGMENTS"],
    ),
}


@pytest.mark.parametrize(("place", "name"), crossed(PLACES, UNUSABLE, 2))
def test_what_nobody_can_use_is_refused_everywhere(place, name, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LIST").write_text("0x10\n")
    (tmp_path / "SEGMENTS").mkdir()
    (tmp_path / "SEGMENTS" / "0x1000.bin").write_bytes(bytes(4096))
    hole, args = PLACES[place]
    text = hole.replace("HOLE", UNUSABLE[name]).encode()
    (tmp_path / "SEGMENTS" / "handover.json").write_bytes(text)
    (tmp_path / "FILE").write_bytes(text)
    got = cli(*args)
    assert got.code == 3
    assert len(got.err.splitlines()) == 1
    assert len(got.err) < 300
    if place == "manifest":
        assert [r["exit"] for r in got.json["results"]] == [3]
    else:
        assert got.out == ""


@pytest.mark.parametrize("text", UNUSABLE.values())
def test_one_line_says_why(text):
    with pytest.raises(InputError, match=r"^here: (not a JSON document|a lone surrogate)") as error:
        jsontext.load(text.encode(), "here")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
def test_what_is_refused_is_so_in_any_encoding(encoding):
    with pytest.raises(InputError, match="lone surrogate"):
        jsontext.load(r'["\ud800"]'.encode(encoding), "here")
    with pytest.raises(InputError, match="a number of 41 digits"):
        jsontext.load(f"[{'1' * 41}]".encode(encoding), "here")


@times(0.5)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 64), 1 << 64)
        | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.booleans(),
)  # fmt: skip
def test_everything_else_reads_as_python_does(document, encoding, escaped):
    try:
        raw = json.dumps(document, ensure_ascii=escaped).encode(encoding)
    except UnicodeEncodeError:
        raw = json.dumps(document).encode()
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(InputError):
            jsontext.load(raw, "x")
    else:
        assert jsontext.load(raw, "x") == document


@given(st.binary(max_size=60))
def test_bytes_never_raise_anything_else(raw):
    with suppress(InputError):
        jsontext.load(raw, "x")


@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}"), ('[0,{"a":[', "]}]")])
def test_the_bound_of_nesting_is_ours(pair):
    """Python's own is that of its stack, and changes with its version."""
    levels = pair[1].count("]") + pair[1].count("}")

    def nested(depth):
        return (pair[0] * depth + "1" + pair[1] * depth).encode()

    jsontext.load(nested(99 // levels), "here")
    with pytest.raises(InputError, match="nested too deeply"):
        jsontext.load(nested(102 // levels), "here")
