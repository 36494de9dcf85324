"""Lists of PFNs as text and as documents: what reads back, and what is refused."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.formats import json as json_form
from hwpkho.badpages.formats import text as text_form
from hwpkho.base.addresses import runs
from hwpkho.errors import InputError
from tests.support import captures

U64 = st.integers(0, 2**64 - 1)


@given(st.lists(U64, max_size=30))
def test_list_reads_back(pfns):
    text = text_form.build(pfns)
    assert text_form.parse(text.encode(), "x").pfns.tolist() == pfns
    document = {"schema": "hwpkho.list/1", "page_size": 4096, "pfns": pfns}
    found = json_form.parse(json.dumps(document).encode(), "x")
    assert (found.pfns.tolist(), found.page_size) == (pfns, 4096)


@given(st.sets(st.integers(0, 300)))
def test_runs_read_back(pfns):
    spans = list(runs(sorted(pfns)))
    text = "\n".join(f"{a}-{b}" if a != b else f"{a:#x}" for a, b in spans)
    assert text_form.parse(text.encode(), "x").pfns.tolist() == sorted(pfns)
    text = text_form.build_runs((a, b, "why # not") for a, b in spans)
    assert text_form.parse(text.encode(), "x").pfns.tolist() == sorted(pfns)
    items = [a if a == b else [a, b] for a, b in spans]
    document = {"schema": "hwpkho.list/1", "page_size": None, "pfns": items}
    assert json_form.parse(json.dumps(document).encode(), "x").pfns.tolist() == sorted(pfns)


@pytest.mark.parametrize(
    ("text", "base", "pfns"),
    [
        ("", 10, []),
        ("# nothing\n\n  # here\n", 10, []),
        ("# line ends of old Macs\r0x10\r", 10, [16]),
        ("1,2 3\t4\r\n5", 10, [1, 2, 3, 4, 5]),
        ("0x10 16 0X1F # x\n7", 10, [16, 16, 31, 7]),
        ("10-12", 10, [10, 11, 12]),
        ("0x10-0x12,5", 10, [16, 17, 18, 5]),
        ("10 ff", 16, [16, 255]),
        ("10-1f\n", 16, list(range(16, 32))),
        ("1f,0x1f", 16, [31, 31]),
        ("18446744073709551615", 10, [2**64 - 1]),
        ("0xffffffffffffffff", 10, [2**64 - 1]),
        ("0x1 0x2\n0x3", 10, [1, 2, 3]),
        ("007", 10, [7]),
    ],
)
def test_list_texts(text, base, pfns):
    assert text_form.parse(text.encode(), "x", base).pfns.tolist() == pfns


@given(
    st.lists(
        st.one_of(
            st.integers(0, 99).map(hex),
            st.integers(0, 99).map(str),
            st.tuples(st.integers(0, 9), st.integers(9, 99)).map(lambda r: f"{r[0]}-{r[1]}"),
            st.sampled_from(["# a comment", "#" + "x" * 40, "\n", "#\n"]),
        ),
        max_size=12,
    ),
    st.lists(st.sampled_from(["\n", " ", ",", ", \n", "\t"]), min_size=12, max_size=12),
)
def test_a_list_in_blocks_is_the_list_at_once(words, gaps):
    text = "".join(w + g for w, g in zip(words, gaps, strict=False)).encode()
    want = text_form.parse(text, "list").pfns.tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_form, "_BLOCK", 8)
        assert text_form.parse(text, "list").pfns.tolist() == want


def test_a_word_as_long_as_a_block(monkeypatch):
    monkeypatch.setattr(text_form, "_BLOCK", 8)
    with pytest.raises(InputError, match="line 2: a word of 8 bytes is not a PFN"):
        text_form.parse(b"0x1\n" + b"1" * 30, "list")
    assert text_form.parse(b"1\n" + b"#" * 30, "list").pfns.tolist() == [1]


def test_what_makes_a_list_too_long(monkeypatch):
    monkeypatch.setattr(text_form, "MAX_PFNS", 5)
    monkeypatch.setattr(json_form, "MAX_PFNS", 5)
    with pytest.raises(InputError, match="line 2: 0x10-0x12 makes the list longer than 5 PFNs"):
        text_form.parse(b"1 2\n3 0x10-0x12 9\n", "list")
    with pytest.raises(InputError, match="item 2 makes the list longer than 5 PFNs"):
        json_form.parse(_json(pfns=[1, [2, 4], [7, 9]]).encode(), "list")
    with pytest.raises(InputError, match="item 0 of the PFNs is neither a PFN"):
        json_form.parse(_json(pfns=[[1, 2, 3]]).encode(), "list")
    with pytest.raises(InputError, match="item 0 of the PFNs is neither a PFN"):
        json_form.parse(_json(pfns=[[1, True]]).encode(), "list")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("1\nff", 2, "--base 16"),
        ("1\n\n# c\n1f", 4, "--base 16"),
        ("1f", 1, "--base 16"),
        ("0x", 1, "not a PFN"),
        ("0xg", 1, "not a PFN"),
        ("1 -2", 1, "'-2' is not a PFN"),
        ("-", 1, "not a PFN"),
        ("1-", 1, "not a PFN"),
        ("1--2", 1, "not a PFN"),
        ("1-2-3", 1, "not a PFN"),
        ("5-4", 1, "before it starts"),
        ("0-0xffffffff", 1, "longer than"),
        ("1\n0x10000000000000000", 2, "not a PFN"),
        ("18446744073709551616", 1, "not a PFN"),
        ("1\n" + "9" * 5000, 2, "not a PFN"),
        ("1_0", 1, "not a PFN"),
        ("+1", 1, "not a PFN"),
        ("1.5", 1, "not a PFN"),
        ("0x1\n0x1_0", 2, "not a PFN"),
        ("0x1\n2x3", 2, "not a PFN"),
        ("0x1\n0x", 2, "not a PFN"),
        ("٣", 1, "not a PFN"),
        ("\x1b[31m", 1, "a word of 5 characters is not a PFN"),
        ("hello", 1, "not a PFN"),
        ("0x1-0x2 5-4", 1, "before it starts"),
        ("     1\t0x10\n     2\t0x20\n", 1, "the line is numbered, as by cat -n"),
        ("\ufeff     1\t0x10\n", 1, "the line is numbered"),
    ],
)
def test_refused_lists(text, line, word):
    with pytest.raises(InputError, match=rf"list: line {line}: .*{word}"):
        text_form.parse(text.encode(), "list")


def _json(**changes):
    return json.dumps({"schema": "hwpkho.list/1", "page_size": None, "pfns": [1]} | changes)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not a JSON document"),
        ('{"a":' * 5000, "not a JSON document"),
        ("{}", "JSON without a schema holds no PFNs"),
        (_json(schema=1), "holds no PFNs"),
        (_json(schema="hwpkho.memmap/1"), "holds no PFNs"),
        (_json(schema="\x1b[31m"), "schema of another program"),
        (_json(pfns=None), "are not a list"),
        (_json(pfns="123"), "are not a list"),
        (_json(pfns=[1, -1]), "item 1 .* neither a PFN"),
        (_json(pfns=[1, True]), "item 1 .* neither a PFN"),
        (_json(pfns=[1, 1.0]), "item 1 .* neither a PFN"),
        (_json(pfns=["1"]), "item 0 .* neither a PFN"),
        (_json(pfns=[2**64]), "item 0 .* neither a PFN"),
        (_json(pfns=[[1]]), "item 0 .* neither a PFN"),
        (_json(pfns=[[1, 2, 3]]), "item 0 .* neither a PFN"),
        (_json(pfns=[1, [3, 2]]), "item 1: the range ends"),
        (_json(pfns=[[0, 2**40]]), "longer than"),
        (_json(page_size=5000), "page_size 5000"),
        (_json(page_size=4096.0), "page_size 4096.0"),
        (_json(page_size="4096"), "page_size '4096'"),
        ('{"schema": "hwpkho.list/1"}', "no pfns: expected a hwpkho.list/1"),
        ('{"schema": "hwpkho.decode/1", "handovers": [{"hwpoison": null}]}', "no handover with"),
        ('{"schema": "hwpkho.decode/1", "handovers": [1]}', "expected a hwpkho.decode/1"),
        ('{"schema": "hwpkho.decode/1", "handovers": null}', "expected a hwpkho.decode/1"),
        (
            '{"schema": "hwpkho.decode/1", "handovers": [{"hwpoison": {"pfns": null}, "role": 1}]}',
            "PFNs are null",
        ),
        ('{"schema": "hwpkho.validate/1", "runs": [{}]}', "no first: expected a hwpkho.validate/1"),
    ],
)
def test_refused_documents(text, word):
    with pytest.raises(InputError, match=word) as caught:
        json_form.parse(text.encode(), "list")
    assert "\n" not in str(caught.value)


def test_documents_that_hold_pfns(decoded, subtests):
    for name in ("x86-structv1-small", "x86-structv1-small-post", "x86-structv1-small-in-late"):
        with subtests.test(name):
            found = json_form.parse(json.dumps(decoded(name)).encode(), "x")
            lists = [h["pfns"] for h in captures.truth(name)["handovers"] if h["list"] == "intact"]
            assert found.pfns.tolist() == lists[-1]
            assert found.page_size == 4096
    text = '{"schema": "hwpkho.validate/1", "page_size": 65536, "runs": [{"first": 1, "last": 3}]}'
    found = json_form.parse(text.encode(), "x")
    assert (found.pfns.tolist(), found.page_size) == ([1, 2, 3], 65536)


@given(st.binary(max_size=60))
def test_random_lists(data):
    opening = b'{"schema": "hwpkho.list/1", "pfns": ['
    for form, text in ((text_form, data), (json_form, b"{" + data), (json_form, opening + data)):
        try:
            found = form.parse(text, "x")
        except InputError as error:
            complaint = str(error)
        else:
            assert found.name == "x"
            continue
        assert complaint.isprintable()


@pytest.mark.parametrize(
    "text", ["0x9\n", "# a comment\n9\n", '{"schema":"hwpkho.list/1","pfns":[9]}']
)
def test_a_byte_order_mark_is_no_part_of_a_list(text, tmp_path, cli) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert cli("list", "--pfns", path).out == "0x9\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_that_windows_saved(encoding, tmp_path, cli, monkeypatch) -> None:
    path = tmp_path / "list"
    text = "# bad pages of the machine\r\n0x9\r\n"
    path.write_bytes(text.encode(encoding))
    assert cli("list", "--pfns", path).out == "0x9\n"
    path.write_bytes((text + "0x9-zz\r\n").encode(encoding))
    assert "line 3: a word of 6 characters is not a PFN" in cli("list", "--from", "text", path).err
    monkeypatch.setattr(text_form, "_MAX_UTF16", 4)
    got = cli("list", "--from", "text", path)
    assert (got.code, got.out) == (3, "")
    assert "give it as UTF-8" in got.err


def test_a_file_longer_than_any_list_is_not_read(tmp_path, cli) -> None:
    path = tmp_path / "list"
    path.write_text("0x10\n")
    os.truncate(path, (512 << 20) + 1)
    got = cli("list", "--from", "text", path)
    assert (got.code, got.out) == (3, "")
    assert "a list of 536870913 bytes is longer than 536870912" in got.err


def test_bad_blocks_of_a_disk_are_no_pfns(tmp_path, cli, monkeypatch, subtests) -> None:
    for name in ("block/pmem0/badblocks", "bus/nd/devices/region0/badblocks",
                 "block/md0/md/dev-sda/unacknowledged_bad_blocks"):  # fmt: skip
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True)
        path.write_text("8 1\n")
        monkeypatch.chdir(path.parent)
        for named in (path, path.name):
            with subtests.test(f"{name} as {named}"):
                got = cli("list", named)
                assert got.code == 3
                assert "in sectors from an unknown address" in got.err
    other = tmp_path / "badblocks"
    other.write_text("8 1\n")
    assert cli("list", "--pfns", other).out == "0x1\n0x8\n"
