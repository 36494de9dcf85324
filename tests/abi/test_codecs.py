"""Codecs: bytes to structures and back, and what they refuse."""

from __future__ import annotations

import json
import struct
import sys
from array import array

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hwpkho.abi import fdt, headers, hwpoison, kho, vmalloc
from hwpkho.abi.hwpoison import HwpoisonBlob, MalformedBlobError, fdt_v1, struct_v1
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.scratch import build_scratch, parse_scratch
from hwpkho.abi.setup_data import KhoData
from hwpkho.abi.tracker import TRACKERS, bitmap, radix
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.radix import UnlistedPreserved
from hwpkho.abi.vmalloc import Chunk, KhoVmalloc
from hwpkho.badpages.formats import json as json_form
from hwpkho.badpages.formats import text as text_form
from hwpkho.base.addresses import page_shift, runs
from hwpkho.base.arch import page_sizes
from hwpkho.errors import InputError
from hwpkho.judge import baseline
from tests.support import captures, certain

U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
U16 = st.integers(0, 2**16 - 1)
PAGE_SIZES = page_sizes()
PAGES = st.sampled_from(PAGE_SIZES)
AREAS = st.builds(KhoVmalloc, U64, U32, U16, U16)


# --- real structures


@pytest.mark.parametrize(
    ("name", "truth"), captures.handovers(), ids=lambda v: v if isinstance(v, str) else v["role"]
)
def test_captured_structures_build_to_the_same_bytes(name, truth):
    page = captures.truth(name)["page_size"]
    raw = captures.memory(name, truth["root_phys"], 4096)
    found = kho.parse(raw)
    size = found.totalsize
    rebuilt = fdt.build(found.tree.root, strings=found.tree.strings)
    assert rebuilt == raw[:size]
    blob = found.find("hwpoison")
    if truth["list"] not in ("intact", "consumed"):
        return
    size = min(certain(certain(blob).size), page)
    data = captures.memory(name, certain(certain(blob).phys), size)
    parsed = hwpoison.parse(data)
    assert parsed.revision == captures.truth(name)["revision"]
    again = hwpoison.REVISIONS[parsed.revision].build(parsed, page)
    end = fdt.totalsize(data) or len(data)
    assert again[:end] == data[:end]
    for chunk in truth.get("chunks", ()):
        page_bytes = captures.memory(name, chunk, page)
        assert Chunk.parse(page_bytes).build(page) == page_bytes


# --- fixed headers


@given(AREAS)
def test_vmalloc(area):
    assert KhoVmalloc.parse(area.build()) == area
    assert area.build() == struct.pack(
        "<QIHH", area.first, area.total_pages, area.flags, area.order
    )


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64), U32)
def test_kexec_metadata(release, count):
    metadata = KexecMetadata(release, count)
    raw = metadata.build()
    assert len(raw) == 73
    assert KexecMetadata.parse(raw + b"padding") == metadata


def test_bad_kexec_metadata():
    good = KexecMetadata("7.3.4", 1).build()
    for raw, word in (
        (good[:72], "72 bytes"),
        (b"\2" + good[1:], "version 2"),
        (good[:4] + b"x" * 65 + good[69:], "no end"),
    ):
        with pytest.raises(ValueError, match=word):
            KexecMetadata.parse(raw)
    for release in ("x" * 65, "a\0b"):
        with pytest.raises(ValueError, match="64 characters"):
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


def test_headers_of_a_wrong_length():
    for n in (0, 15, 17):
        with pytest.raises(ValueError, match=f"{n} bytes where the structure has 16"):
            KhoVmalloc.parse(bytes(n))
    assert headers.SETUP_DATA.sizeof() == 16


# --- chunks


@given(PAGES, U64, st.lists(st.integers(1, 2**64 - 1), max_size=20))
def test_chunk(page_size, following, entries):
    chunk = Chunk(following, array("Q", entries))
    page = chunk.build(page_size)
    assert len(page) == page_size
    assert Chunk.parse(page) == chunk
    assert Chunk.parse(memoryview(page)) == chunk


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_full_chunk(page_size):
    n = vmalloc.slots(page_size)
    assert n == page_size // 8 - 1
    chunk = Chunk(0, array("Q", range(1, n + 1)))
    assert Chunk.parse(chunk.build(page_size)) == chunk
    with pytest.raises(ValueError, match="entries in a chunk"):
        Chunk(0, array("Q", range(n + 1))).build(page_size)


def test_hole():
    page = struct.pack("<5Q", 0, 4096, 0, 8192, 0).ljust(4096, b"\0")
    assert Chunk.parse(page) == Chunk(0, array("Q", [4096]), hole=True)


@given(st.integers(0, 1600), PAGES)
def test_split_as_the_producer_does(count, page_size):
    parts = vmalloc.split(range(1, count + 1), page_size)
    n = vmalloc.slots(page_size)
    assert [x for p in parts for x in p] == list(range(1, count + 1))
    assert all(len(p) == n for p in parts[:-1])
    assert len(parts[-1]) < n  # a full last chunk is followed by an empty one
    area = KhoVmalloc(0, 8, 1, 2)
    assert (area.entries, area.capacity(page_size)) == (2, page_size)


# --- blobs


@given(st.sampled_from(["fdt-v1", "struct-v1"]), U64, AREAS, PAGES)
def test_blob(revision, count, area, page_size):
    blob = HwpoisonBlob(revision, 1, count, area)
    raw = hwpoison.REVISIONS[revision].build(blob, page_size)
    assert len(raw) == (32 if revision == "struct-v1" else page_size)
    assert hwpoison.parse(raw) == blob
    assert hwpoison.parse(raw + b"more") == blob


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


def test_compatible_in_a_list():
    for strings in (b"hwpoison-v2\0hwpoison-v1\0", b"hwpoison-v1"):  # libfdt finds a NUL behind
        assert fdt_v1.parse(_fdt_blob(compatible=strings)).revision == "fdt-v1"
    assert struct_v1.matches(b"anything")


# --- root


@given(
    st.sampled_from(list(kho.VERSIONS)),
    st.integers(1, 2**64 - 1),
    st.lists(
        st.tuples(st.sampled_from(["hwpoison", "LUO", "memblock", "x"]), U64, U64), max_size=4
    ),
)
def test_root(version, memory_map, refs):
    subtrees = [kho.SubtreeRef(n, p, s if version.sized else None) for n, p, s in refs]
    found = kho.parse(kho.build(version, memory_map, subtrees))
    assert found.version == version
    assert found.memory_map == memory_map
    assert [(s.name, s.phys, s.size, s.defect) for s in found.subtrees] == [
        (s.name, s.phys, s.size, None) for s in subtrees
    ]
    first = next((s for s in subtrees if s.name == "LUO"), None)
    assert (found.find("LUO") is None) == (first is None)


def test_root_that_cannot_be_written():
    for ref in (kho.SubtreeRef("x", None, 1), kho.SubtreeRef("x", 1, None)):
        with pytest.raises(ValueError, match="lacks"):
            kho.build(kho.VERSIONS["v4"], 1, [ref])


def _root(properties, sub=()):
    child = fdt.Node("x", properties=[fdt.Property(k, v, 0) for k, v in sub])
    return kho.parse(
        fdt.build(
            fdt.Node(
                "", properties=[fdt.Property(k, v, 0) for k, v in properties], children=[child]
            )
        )
    )


@pytest.mark.parametrize(
    ("value", "defect"),
    [(None, "missing"), (bytes(8), "is 0"), (bytes(4), "4 bytes"), (b"\1" + bytes(8), "9 bytes")],
)
def test_memory_map_defects(value, defect):
    found = _root([("preserved-memory-map", value)] if value is not None else [])
    assert defect in found.memory_map_defect
    assert found.memory_map is None


def test_subtree_defects():
    v4, v2 = ("compatible", b"kho-v4\0"), ("compatible", b"kho-v2\0")
    good, size = ("preserved-data", struct.pack("<Q", 4096)), ("blob-size", struct.pack("<Q", 32))
    assert _root([v4], [good, size]).subtrees[0].defect is None
    assert "blob-size is missing" in _root([v4], [good]).subtrees[0].defect
    assert "blob-size has 4" in _root([v4], [good, ("blob-size", bytes(4))]).subtrees[0].defect
    assert "preserved-data is missing" in _root([v4], [size]).subtrees[0].defect
    assert _root([v2], [good]).subtrees[0] == kho.SubtreeRef("x", 4096, None, None, 84)
    assert _root([v2], [good, size]).subtrees[0].size == 32
    old = _root([("compatible", b"kho-v7\0")], [("fdt", struct.pack("<Q", 4096))])
    assert (old.version, old.subtrees[0].phys) == (None, 4096)


def test_versions_in_a_list():
    found = _root([("compatible", b"kho-v3\0x\0kho-v1\0kho-v9\0\xff\0")])
    assert found.version.number == 3
    assert kho.is_root(found)
    assert not kho.is_root(_root([("compatible", b"kho-v\0kho-vx\0akho-v1\0")]))
    assert not kho.is_root(_root([]))


@given(st.integers(0, 400))
def test_cut_root(keep):
    refs = [kho.SubtreeRef(n, 4096, 32) for n in ("hwpoison", "LUO", "kexec-metadata")]
    whole = kho.build(kho.VERSIONS["v3"], 0x12345000, refs)
    assume(keep < len(whole))
    if keep < 40:
        with pytest.raises(InputError):
            kho.parse_cut(whole[:keep])
        return
    found = kho.parse_cut(whole[:keep])
    assert found.totalsize == len(whole)
    assert found.memory_map in (None, 0x12345000)
    assert [s.name for s in found.subtrees] == [r.name for r in refs][: len(found.subtrees)]
    assert all((s.phys, s.size) == (4096, 32) for s in found.subtrees)


def test_cut_root_without_a_known_version():
    whole = kho.build(kho.VERSIONS["v4"], 4096, [kho.SubtreeRef("x", 4096, 32)])
    assert kho.parse_cut(whole[:60]).version == kho.VERSIONS["v4"]
    unknown = whole.replace(b"kho-v4", b"kho-v8")
    assert kho.parse_cut(unknown[:-1]).version == kho.VERSIONS["v4"]
    with pytest.raises(InputError):
        kho.parse_cut(bytes(400))


# --- trackers


@given(st.integers(0, 2**52 - 1), st.integers(0, 10), PAGES)
def test_key(phys, order, page_size):
    shift = page_shift(page_size)
    phys = phys >> (shift + order) << (shift + order)
    key = radix.encode_key(phys, order, shift)
    assert radix.decode_key(key, shift) == (phys, order)
    assert key.bit_length() == 64 - shift - order + 1


def test_keys_without_an_order():
    for key in (0, -1, 1 << 53, 1 << 63):
        with pytest.raises(ValueError, match="no order"):
            radix.decode_key(key, 12)
    assert radix.decode_key(1, 12) == (0, 52)


def test_depth():
    levels = {(p, s): radix.geometry(p, short=s).levels for p in PAGE_SIZES for s in (True, False)}
    assert [levels[p, False] for p in PAGE_SIZES] == [6, 5, 4]
    assert [levels[p, True] for p in PAGE_SIZES] == [6, 4, 4]
    assert [radix.geometry(p, short=True).lists for p in PAGE_SIZES] == [True, False, True]


BLOCKS = st.lists(st.tuples(st.integers(0, 2**30 - 1), st.integers(0, 10)), max_size=12)


class _Memory:
    """Just enough of a source for a walk."""

    name = "memory"
    arch: str | None = None

    def __init__(self, page_size):
        self.page_size, self.pages, self.at = page_size, {}, 1 << 40

    def allocate(self):
        self.at += self.page_size
        return self.at

    def look(self, phys, size):
        start = phys & -self.page_size
        page = self.pages.get(start)
        return memoryview(page)[phys - start : phys - start + size] if page else None


@given(BLOCKS, PAGES, st.sampled_from([1, 2, 3, 4]))
def test_tracker_marks_what_it_was_given(blocks, page_size, version):
    shift = page_shift(page_size)
    wanted = {(n << (shift + order), order) for n, order in blocks}
    memory = _Memory(page_size)
    if version == 1:
        assume(wanted)
    tracker = TRACKERS[kho.numbered(version).tracker]
    start, memory.pages = tracker.build(sorted(wanted), page_size, memory.allocate)
    found = tracker.walk(memory, start, page_size)
    assert found.intact
    preserved = found.preserved
    assert preserved.count == len(wanted)
    for phys, order in wanted:
        assert preserved.has(phys, order)
        assert preserved.block_at(phys) == min(o for p, o in wanted if p == phys)
        inside = phys + (1 << (shift + order)) - 1
        around = [(p, o) for p, o in wanted if p <= inside < p + (1 << (shift + o))]
        assert preserved.block_around(inside) == min(around, key=lambda b: b[1])
    if not isinstance(preserved, UnlistedPreserved):
        spans = list(preserved.spans())
        assert {o for *_, o in spans} == {o for _, o in wanted}
        for phys, order in wanted:
            assert any(a <= phys < b for a, b, o in spans if o == order)
    else:
        assert list(preserved.spans()) == []
    assert sorted(found.nodes) == sorted(memory.pages)


@given(
    BLOCKS,
    st.integers(0, 2**31),
    st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)), max_size=4),
)
def test_preserved_against_sets(blocks, probe, ram):
    wanted = {(n << (12 + order), order) for n, order in blocks}
    preserved = Preserved(12, 4096 * 8)
    for phys, order in wanted:
        number, bit = divmod(phys >> (12 + order), preserved.bits)
        leaf = bytearray(preserved.leaves.get((order, number), bytes(4096)))
        leaf[bit >> 3] |= 1 << (bit & 7)
        preserved.leaves[order, number] = bytes(leaf)
    phys = probe << 12
    starts = [o for p, o in wanted if p == phys]
    holds = [(p, o) for p, o in wanted if p <= phys < p + (1 << (12 + o))]
    assert preserved.block_at(phys) == min(starts, default=None)
    assert preserved.block_around(phys) == min(holds, key=lambda b: b[1], default=None)
    assert preserved.has(phys + 1, 0) is False
    ram = [(min(r), max(r)) for r in ram]
    for first, _, order in preserved.spans():
        number = (first >> (12 + order)) // preserved.bits
        inside = sorted(
            p
            for p, o in wanted
            if o == order and (p >> (12 + order)) // preserved.bits == number
            if not any(a <= p >> 12 <= b for a, b in ram)
        )
        expected = (inside[0], inside[-1]) if inside else None
        assert preserved.outside(first, order, ram) == expected


@given(st.binary(max_size=64), PAGES)
def test_bitmap_chunk_of_random_bytes(data, page_size):
    page = data.ljust(page_size, b"\0")
    chunk = bitmap.Chunk.parse(page)
    assert len(chunk.elements) == min(chunk.announced, bitmap.elements_per_chunk(page_size))
    if chunk.announced == len(chunk.elements) == 3:
        assert chunk.build(page_size)[: 16 + 48] == page[:64]


def test_many_elements_take_several_chunks():
    memory = _Memory(4096)
    blocks = [(n << 40, 0) for n in range(600)]
    start, pages = bitmap.build(blocks, 4096, memory.allocate)
    chunk, seen = bitmap.Chunk.parse(pages[start]), 0
    while True:
        seen += len(chunk.elements)
        if not chunk.next:
            break
        chunk = bitmap.Chunk.parse(pages[chunk.next])
    assert seen == 600
    assert bitmap.build([], 4096, memory.allocate) == (0, {})


def test_big_endian_hosts(monkeypatch):
    """What the machine wrote is little endian, wherever it is read."""
    page = struct.pack("<512Q", *range(1, 513))
    monkeypatch.setattr(sys, "byteorder", "big")
    swapped = array("Q", page)
    swapped.byteswap()
    assert radix.parse_table(page) == swapped
    assert Chunk.parse(page).next == swapped[0]
    assert Chunk.parse(page).build(4096) == page
    memory = _Memory(4096)
    start, pages = radix.TRACKER.build([(4096, 0)], 4096, memory.allocate)
    (child,) = {n for n in array("Q", pages[start]) if n}
    assert child.to_bytes(8, "big") == (start + 4096).to_bytes(8, "little")


# --- lists


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
    with pytest.raises(InputError, match="line 2: a word of 8 bytes is no PFN"):
        text_form.parse(b"0x1\n" + b"1" * 30, "list")
    assert text_form.parse(b"1\n" + b"#" * 30, "list").pfns.tolist() == [1]


def test_what_makes_a_list_too_long(monkeypatch):
    monkeypatch.setattr(text_form, "MAX_PFNS", 5)
    monkeypatch.setattr(json_form, "MAX_PFNS", 5)
    with pytest.raises(InputError, match="line 2: 0x10-0x12 makes the list longer than 5 PFNs"):
        text_form.parse(b"1 2\n3 0x10-0x12 9\n", "list")
    with pytest.raises(InputError, match="item 2 makes the list longer than 5 PFNs"):
        json_form.parse(_json(pfns=[1, [2, 4], [7, 9]]).encode(), "list")
    with pytest.raises(InputError, match="item 0 of the PFNs is no PFN"):
        json_form.parse(_json(pfns=[[1, 2, 3]]).encode(), "list")
    with pytest.raises(InputError, match="item 0 of the PFNs is no PFN"):
        json_form.parse(_json(pfns=[[1, True]]).encode(), "list")


@pytest.mark.parametrize(
    ("text", "why"),
    [("x = 1\n" * 101, "more than 100 keys"), ("a.b.c.d.e.f.g.h.i = 1", "more than 8 parts")],
)
def test_a_baseline_of_too_many_keys(text, why, monkeypatch):
    monkeypatch.setattr(baseline, "_MAX_KEYS", 100)
    with pytest.raises(InputError, match=why):
        baseline.parse(text.encode(), "base")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("1\nff", 2, "--base 16"),
        ("1\n\n# c\n1f", 4, "--base 16"),
        ("1f", 1, "--base 16"),
        ("0x", 1, "no PFN"),
        ("0xg", 1, "no PFN"),
        ("1 -2", 1, "no PFN"),
        ("-", 1, "no PFN"),
        ("1-", 1, "no PFN"),
        ("1--2", 1, "no PFN"),
        ("1-2-3", 1, "no PFN"),
        ("5-4", 1, "before it starts"),
        ("0-0xffffffff", 1, "longer than"),
        ("1\n0x10000000000000000", 2, "no PFN"),
        ("18446744073709551616", 1, "no PFN"),
        ("1\n" + "9" * 5000, 2, "no PFN"),
        ("1_0", 1, "no PFN"),
        ("+1", 1, "no PFN"),
        ("1.5", 1, "no PFN"),
        ("0x1\n0x1_0", 2, "no PFN"),
        ("0x1\n2x3", 2, "no PFN"),
        ("0x1\n0x", 2, "no PFN"),
        ("٣", 1, "no PFN"),
        ("\x1b[31m", 1, "a word of 5 characters is no PFN"),
        ("hello", 1, "no PFN"),
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
        ("{", "no JSON document"),
        ('{"a":' * 5000, "no JSON document"),
        ("{}", "schema None holds no PFNs"),
        (_json(schema=1), "holds no PFNs"),
        (_json(schema="hwpkho.memmap/1"), "holds no PFNs"),
        (_json(schema="\x1b[31m"), "schema of another program"),
        (_json(pfns=None), "are no list"),
        (_json(pfns="123"), "are no list"),
        (_json(pfns=[1, -1]), "item 1 .* no PFN"),
        (_json(pfns=[1, True]), "item 1 .* no PFN"),
        (_json(pfns=[1, 1.0]), "item 1 .* no PFN"),
        (_json(pfns=["1"]), "item 0 .* no PFN"),
        (_json(pfns=[2**64]), "item 0 .* no PFN"),
        (_json(pfns=[[1]]), "item 0 .* no PFN"),
        (_json(pfns=[[1, 2, 3]]), "item 0 .* no PFN"),
        (_json(pfns=[1, [3, 2]]), "item 1: the range ends"),
        (_json(pfns=[[0, 2**40]]), "longer than"),
        (_json(page_size=5000), "page_size 5000"),
        (_json(page_size=4096.0), "page_size 4096.0"),
        (_json(page_size="4096"), "page_size '4096'"),
        ('{"schema": "hwpkho.list/1"}', "not as hwpkho.list/1"),
        ('{"schema": "hwpkho.decode/1", "handovers": [{"hwpoison": null}]}', "no handover with"),
        ('{"schema": "hwpkho.decode/1", "handovers": [1]}', "not as hwpkho.decode/1"),
        ('{"schema": "hwpkho.decode/1", "handovers": null}', "not as hwpkho.decode/1"),
        (
            '{"schema": "hwpkho.decode/1", "handovers": [{"hwpoison": {"pfns": null}, "role": 1}]}',
            "PFNs are null",
        ),
        ('{"schema": "hwpkho.validate/1", "runs": [{}]}', "not as hwpkho.validate/1"),
    ],
)
def test_refused_documents(text, word):
    with pytest.raises(InputError, match=word) as caught:
        json_form.parse(text.encode(), "list")
    assert "\n" not in str(caught.value)


def test_documents_that_hold_pfns(decoded):
    for name in ("x86-structv1-small", "x86-structv1-small-post", "x86-structv1-small-in-late"):
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
