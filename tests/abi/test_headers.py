"""kexec-metadata, KHO data and scratch areas: bytes to structures and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import headers
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.scratch import build_scratch, parse_scratch
from hwpkho.abi.setup_data import KhoData
from hwpkho.abi.vmalloc import KhoVmalloc

U64 = st.integers(0, 2**64 - 1)


U32 = st.integers(0, 2**32 - 1)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64), U32)
def test_kexec_metadata(release, count):
    metadata = KexecMetadata(release, count)
    raw = metadata.build()
    assert len(raw) == 73
    assert KexecMetadata.parse(raw + b"padding") == metadata


def test_bad_kexec_metadata(subtests):
    good = KexecMetadata("7.3.4", 1).build()
    for raw, word in (
        (good[:72], "72 bytes"),
        (b"\2" + good[1:], "version 2"),
        (good[:4] + b"x" * 65 + good[69:], "no end"),
    ):
        with subtests.test(word), pytest.raises(ValueError, match=word):
            KexecMetadata.parse(raw)
    for release, word in (("x" * 65, "64 characters"), ("a\0b", "no NUL")):
        with subtests.test(word), pytest.raises(ValueError, match=word):
            KexecMetadata(release, 1).build()
    assert (
        KexecMetadata.parse(good[:4] + b"7\xff".ljust(65, b"\0") + good[69:]).previous_release
        == r"7\xff"
    )


@given(st.builds(KhoData, U64, U64, U64, U64))
def test_kho_data(data):
    assert KhoData.parse(data.build()) == data


@given(st.lists(st.tuples(U64, U64), max_size=5), st.binary(max_size=15))
def test_scratch(areas, rest):
    assert parse_scratch(build_scratch(areas) + rest) == areas


def test_headers_of_a_wrong_length(subtests):
    for n in (0, 15, 17):
        what = f"{n} bytes where the structure has 16"
        with subtests.test(str(n)), pytest.raises(ValueError, match=what):
            KhoVmalloc.parse(bytes(n))
    assert headers.SETUP_DATA.sizeof() == 16
