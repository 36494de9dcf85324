"""Lists of bad pages: the model, other page sizes, and the registry of forms."""

from __future__ import annotations

import io
import json
import os
import string
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import registry
from hwpkho.badpages.convert import convert
from hwpkho.badpages.formats import json as json_form
from hwpkho.badpages.kinds import BAD, KINDS
from hwpkho.badpages.model import HEAD, BadPages, ListNote, Mention
from hwpkho.base.listing import Listing, of_runs
from hwpkho.commands import schema as schemas
from hwpkho.encode.targets import registry as targets
from hwpkho.errors import InputError, UsageError
from hwpkho.images.files import FileBytes, HeldBytes


def test_a_list_in_another_page_size_keeps_who_said_it() -> None:
    said = Mention(1, 2, "poisoned", "2026-11-28T14:00:00Z", "dmesg", "line 7")
    large = BadPages("x", Listing([2, 1]), 65536, mentions=[said], notes=(ListNote("n"),))
    small = convert(large, 4096)
    assert small.pfns.tolist() == [*range(32, 48), *range(16, 32)]
    assert small.mentions == [said._replace(first=16, last=47)]
    assert (small.page_size, small.name, small.notes) == (4096, "x", (ListNote("n"),))
    back = convert(small, 65536)
    assert (back.pfns.tolist(), back.mentions) == ([2, 1], [said])
    assert convert(small, 4096) is small
    with pytest.raises(InputError, match="only 1 of the 4 pages in frame 0x0 of 16384 bytes"):
        convert(BadPages("x", Listing([1])), 16384)


def test_page_size_told_or_asked() -> None:
    silent, told = BadPages("x", Listing()), BadPages("x", Listing(), 16384)
    assert (silent.taken_page_size, told.taken_page_size) == (4096, 16384)
    assert silent.agreed_page_size(None) is None
    assert silent.agreed_page_size(65536) == 65536
    assert told.agreed_page_size(None) == told.agreed_page_size(16384) == 16384
    with pytest.raises(InputError, match="PFNs of one are not PFNs of the other"):
        told.agreed_page_size(4096)


def test_what_documents_may_say_of_lists() -> None:
    """The schemas are files; what they enumerate is what the registries have."""
    assert json.loads(schemas.text("encode/1"))["properties"]["to"]["enum"] == targets.names()
    kinds = json.loads(schemas.text("list/1"))["properties"]["entries"]["items"]["properties"][
        "kind"
    ]
    assert kinds["enum"] == [*KINDS, None]


def test_every_form_says_what_it_is(subtests: pytest.Subtests) -> None:
    for name in registry.LIST_FORMATS.names():
        with subtests.test(name):
            form = registry.LIST_FORMATS[name]
            assert form.name == name
            assert form.about
            assert form.carries <= set(get_args(registry.Carried))
            assert registry.is_read(form) or registry.is_written(form)
    assert {f.name for f in registry.readers()} >= {"text", "json"}
    for find in (registry.reader, registry.writer):
        with subtests.test(find.__name__), pytest.raises((KeyError, UsageError)):
            find("handover")


@given(
    st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 9)), max_size=20),
    st.sampled_from([None, 4096, 16384, 65536]),
    st.sampled_from([None, "x86_64", "arm64"]),
    st.lists(
        st.builds(
            Mention,
            st.integers(0, 99),
            st.integers(100, 1 << 63),
            st.sampled_from([*KINDS, None]),
            st.none() | st.text(string.printable.strip()),
            st.none() | st.text(string.printable.strip()),
            st.none() | st.just("line 7"),
        ),
        max_size=3,
    ),
)
def test_lists_read_back(spans, page_size, arch, mentions) -> None:
    pfns = of_runs((first, first + more) for first, more in spans)
    # What is said to be bad is in the list.
    listed = [m._replace(first=a, last=b) for m in mentions for a, b in list(pfns.runs())[:1]]
    mentions = [m for m in mentions if m.kind not in BAD] + listed
    pages = BadPages("x", pfns, page_size, arch, mentions=tuple(mentions))
    for name in ("text", "json"):
        out = io.BytesIO()
        assert registry.writer(name).write(pages, out, registry.AS_IT_IS) is None
        data = memoryview(out.getvalue())
        assert registry.reader(name).sniff(bytes(data[: 1 << 16])) is True
        back = registry.reader(name).read(HeldBytes("x", data), registry.Asked())
        assert back.pfns.tolist() == pfns.tolist()
        if name == "json":
            assert back == replace(pages, pfns=back.pfns, origin="json")


@pytest.mark.parametrize(
    ("head", "is_list"),
    [
        (b"", True),
        (b"# none\n", True),
        (b"0x10-0x1f, 7\n", True),
        (b"deadbeef\n", True),
        (b"3 cases\n", False),
        (b"\xff\n", False),
        (b"1\0\n", False),
        ("1\n".encode("utf-16"), True),
        ("one\n".encode("utf-16"), False),
        (b"1\n" * HEAD, True),
        (b"1" * HEAD, True),
        (b"5f4dcc3b5aa765d61d8327deb882cf99\n", False),
    ],
)
def test_a_text_of_numbers_is_a_list(head, is_list) -> None:
    assert registry.reader("text").sniff(head[:HEAD]) is is_list


def test_an_object_of_ours_says_so_sooner_or_later() -> None:
    sniff = registry.reader("json").sniff
    assert sniff(b"[1]") is False
    assert sniff(b' {"schema": "hwpkho.list/1"') is True
    late = sniff(b'{"pfns": [1], "a')
    assert not isinstance(late, bool)
    assert late.search(b'"schema" : "hwpkho.merge/1"}')
    assert not late.search(b'"schema": "hwpkho.memmap/1"}')


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (1, "item 0 of the entries is not an object"),
        ({"first": 1}, "first and last are not PFNs"),
        ({"first": 2, "last": 1}, "first and last are not PFNs"),
        ({"first": True, "last": 1}, "first and last are not PFNs"),
        ({"first": 1, "last": 1, "kind": "bad"}, "kind is not one of poisoned, "),
        ({"first": 1, "last": 1, "when": 7}, "when, source and where must be text or null"),
    ],
)
def test_refused_entries(entry, why) -> None:
    document = {"schema": "hwpkho.list/1", "pfns": [1], "entries": [entry]}
    with pytest.raises(InputError, match=why):
        json_form.parse(json.dumps(document).encode(), "x")


def test_entries_are_a_list() -> None:
    with pytest.raises(InputError, match="the entries are not a list"):
        json_form.parse(b'{"schema": "hwpkho.list/1", "pfns": [], "entries": 5}', "x")


def test_of_several_handovers_in_a_document_the_same_counts_as_in_an_image() -> None:
    def read(*handovers: tuple[str | None, list[int] | None], unread: str = "") -> list[int]:
        document = {
            "schema": "hwpkho.decode/1",
            "handovers": [
                {"role": role, "page_size": 4096, "hwpoison": pfns and {"pfns": pfns}}
                | ({"unread": True} if role == unread else {})
                for role, pfns in handovers
            ],
        }
        return json_form.parse(json.dumps(document).encode(), "x").pfns.tolist()

    assert read(("in", [1]), ("out", [2])) == [2]
    assert read(("in", [1]), ("out", None)) == [1]
    assert read((None, [3])) == [3]
    with pytest.raises(InputError, match="nothing shows which one counts"):
        read((None, [1]), (None, [2]))
    with pytest.raises(InputError, match="PFNs are null"):
        read(("in", [1]), ("in", None))
    with pytest.raises(InputError, match="the root FDT of the handover that counts is damaged"):
        read(("in", [1]), ("out", None), unread="out")
    assert read(("in", [1]), ("out", [2]), unread="in") == [2]


def test_a_document_is_bounded_and_has_no_hole(tmp_path, subtests) -> None:
    path = tmp_path / "list.json"
    path.write_text('{"schema": "hwpkho.list/1", "pfns": []}')
    for size, says in ((1 << 20, "a NUL byte at offset 39"), ((1 << 29) + 1, "is longer than")):
        with subtests.test(says):
            os.truncate(path, size)
            with FileBytes(str(path)) as file, pytest.raises(InputError, match=says):
                registry.reader("json").read(file, registry.Asked())
