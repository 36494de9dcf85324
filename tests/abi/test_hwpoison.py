"""hwpoison blobs of both revisions: bytes to structures and back, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt, hwpoison
from hwpkho.abi.hwpoison import HwpoisonBlob, MalformedBlobError, fdt_v1, struct_v1
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.base.arch import page_sizes

U64 = st.integers(0, 2**64 - 1)


U32 = st.integers(0, 2**32 - 1)


U16 = st.integers(0, 2**16 - 1)


PAGE_SIZES = page_sizes()


PAGES = st.sampled_from(PAGE_SIZES)


AREAS = st.builds(KhoVmalloc, U64, U32, U16, U16)


@given(st.sampled_from(["fdt-v1", "struct-v1"]), U64, AREAS, PAGES)
def test_blob(revision, count, area, page_size):
    blob = HwpoisonBlob(revision, 1, count, area)
    raw = hwpoison.REVISIONS[revision].build(blob, page_size)
    assert len(raw) == (32 if revision == "struct-v1" else page_size)
    assert hwpoison.parse(raw) == blob
    assert hwpoison.parse(raw + b"more") == blob
    assert hwpoison.of_file(raw, len(raw)) == raw
    found = hwpoison.page_size_by(len(raw), hwpoison.REVISIONS, PAGE_SIZES)
    assert found == (None if revision == "struct-v1" else page_size)


@given(st.binary(max_size=80), st.sampled_from([b"", fdt.MAGIC]))
def test_blob_of_random_bytes(data, magic):
    try:
        blob = hwpoison.parse(magic + data)
    except MalformedBlobError as error:
        code = error.code.id
    else:
        assert blob.version == 1
        return
    assert code in ("HP302", "HP303", "HP304")


def _fdt_blob(**changes):
    node = fdt.Node("")
    values = {"compatible": b"hwpoison-v1\0", "count": bytes(8), "pfns": bytes(16)} | changes
    node.properties = [fdt.Property(k, v, 0) for k, v in values.items() if v is not None]
    return fdt.build(node)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "HP303"),
        (b"\1\0\0", "HP303"),
        (b"\2\0\0\0", "HP302"),  # the version is looked at before the size
        (b"\1\0\0\0" + bytes(27), "HP303"),
        (fdt.MAGIC, "HP304"),
        (_fdt_blob(compatible=None), "HP302"),
        (_fdt_blob(compatible=b"hwpoison-v2\0"), "HP302"),
        (_fdt_blob(compatible=b"hwpoison-v1x"), "HP302"),
        (_fdt_blob(count=None), "HP304"),
        (_fdt_blob(count=bytes(4)), "HP304"),
        (_fdt_blob(pfns=bytes(15)), "HP304"),
        (_fdt_blob(pfns=None), "HP304"),
        (_fdt_blob(compatible=None)[:56] + b"\0\0\0\7" + _fdt_blob(compatible=None)[60:], "HP304"),
    ],
)
def test_refused_blobs(raw, code):
    with pytest.raises(MalformedBlobError) as caught:
        hwpoison.parse(raw)
    assert caught.value.code.id == code


def test_compatible_in_a_list(subtests):
    for strings in (b"hwpoison-v2\0hwpoison-v1\0", b"hwpoison-v1"):  # libfdt finds a NUL behind
        with subtests.test(repr(strings)):
            assert fdt_v1.parse(_fdt_blob(compatible=strings)).revision == "fdt-v1"
    assert struct_v1.matches(b"anything")


def test_what_a_file_alone_must_be(subtests):
    """Any version counts, so that decode can say that it is unknown; other bytes do not."""
    newer = _fdt_blob(compatible=b"hwpoison-v2\0")
    for raw, blob in (
        (newer, newer),
        (_fdt_blob(compatible=b"hwpoison\0"), None),
        (_fdt_blob(compatible=None), None),
        (newer[:40], None),
        (b"\x0f\0\0\0", b"\x0f\0\0\0"),
        (b"\x10\0\0\0" + bytes(28), None),
        (b"\2\0\1\0" + bytes(28), None),
        (b"\2\0\0\0".ljust(4096, b"\0"), b"\2\0\0\0" + bytes(28)),
        (b"\2\0\0\0".ljust(4095, b"\0") + b"\1", None),
    ):
        with subtests.test(repr(raw[:4] + raw[-4:])):
            assert hwpoison.of_file(raw, len(raw)) == blob
