"""LUO's structures: what is written is read back, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import luo, memfd
from hwpkho.abi.vmalloc import KhoVmalloc
from tests.support import certain
from tests.support.examples import times

U64 = st.integers(0, (1 << 64) - 1)
U32 = st.integers(0, (1 << 32) - 1)
NAMES = st.binary(max_size=47).map(lambda raw: raw.replace(b"\0", b""))


@times(2)
@given(
    st.sampled_from([("luo-v5", 8), ("luo-v12", 8), ("luo-v5;block-v1", 16), ("luo-v5;a-v1", 64)]),
    U64, U64, U64,
)  # fmt: skip
def test_the_blob(name, number, sessions, flbs):
    blob = luo.Luo(name[0], number, sessions, flbs, name[1])
    assert luo.Luo.parse(blob.build()) == blob
    assert sum(span.size for span in blob.spans()) == len(blob.build())


def test_a_header_of_features():
    blob = luo.Luo("", 1, 0x1000, 0x2000, luo.FEATURES, (7, 3, 1))
    raw = blob.build()
    assert len(raw) == 152
    assert luo.Luo.parse(raw) == blob
    assert [span.meaning for span in blob.spans()][:3] == [
        "features supported 0x7", "features required 0x3", "features active 0x1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        b"", bytes(32), b"luo-v5\0\0" + bytes(23), b"luo-v" + bytes(27), b"luo-v5" + b"x" * 26,
        b"luo-v5;block-v1\0" + bytes(16), b"luo-v5;block-v1\0junk" + bytes(36),
    ],
)  # fmt: skip
def test_what_is_none(raw):
    with pytest.raises(ValueError, match=r"expected|begins|where its fields"):
        luo.Luo.parse(raw)


def test_fields_are_never_read_at_the_wrong_place(subtests):
    """A longer name moves them: the blob's length shows where to."""
    fields = luo.Luo("luo-v5", 1, 0x1000, 0x2000).build()[8:]
    for room in (16, 24, 64):
        with subtests.test(str(room)):
            found = luo.Luo.parse(b"luo-v5;block-v1".ljust(room, b"\0") + fields)
            assert (found.sessions_pa, found.parts) == (0x1000, ["luo-v5", "block-v1"])


@times(2)
@given(st.lists(st.builds(luo.Session, NAMES, U64, U64), max_size=51))
def test_blocks_of_sessions(entries):
    page = luo.build_page(luo.Head(0x1000, len(entries)), entries, 4096)
    assert luo.Head.parse(page) == (0x1000, len(entries))
    assert luo.sessions(page, len(entries)) == entries


@times(2)
@given(st.lists(st.builds(luo.File, NAMES, U64, U64), max_size=63))
def test_blocks_of_files(entries):
    page = luo.build_page(luo.Head(0, len(entries)), entries, 4096)
    assert luo.files(page, len(entries)) == entries


@times(2)
@given(st.lists(st.builds(luo.Flb, NAMES, U64, U64), max_size=63))
def test_the_page_of_flbs(entries):
    page = luo.build_page(luo.Head(1, len(entries)), entries, 4096)
    assert luo.flbs(page, len(entries)) == entries


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="64 entries"):
        luo.build_page(luo.Head(0, 64), [luo.File(b"x", 0, 0)] * 64, 4096)
    with pytest.raises(ValueError, match="a name of 64 bytes"):
        luo.Session(b"x" * 64).build()
    assert [luo.room(size, luo.SESSION) for size in (4096, 65536)] == [51, 819]


@times(2)
@given(U64, U64, U32, U32, U64, st.builds(KhoVmalloc, U64, U32, st.just(1), st.just(0)))
def test_a_memfd(pos, size, seals, flags, nr_folios, folios):
    ser = memfd.MemfdSer(pos, size, seals, flags, nr_folios, folios)
    assert len(ser.build()) == memfd.SIZE
    assert memfd.MemfdSer.parse(ser.build()) == ser
    assert sum(span.size for span in ser.spans()) == memfd.SIZE


def test_what_the_kernel_refuses_in_a_memfd():
    sound = memfd.MemfdSer(0, 4096, 0x3F, 0, 1, KhoVmalloc(0x1000, 1))
    assert sound.flaw(4096) is None
    what, where = certain(sound._replace(seals=0x40).flaw(4096))
    assert ("seals" in what, where) == (True, 16)
    what, where = certain(sound._replace(size=1 << 63).flaw(4096))
    assert ("pages" in what, where) == (True, 8)


@times(2)
@given(st.lists(st.tuples(st.integers(1, (1 << 52) - 1), U64, st.integers(0, 4095)), max_size=256))
def test_folios(folios):
    raw = memfd.build_folios(folios)
    found = [(*memfd.split_word(word), page) for word, page in memfd.folios(raw)]
    assert found == [(pfn, flags, page) for pfn, page, flags in folios]
