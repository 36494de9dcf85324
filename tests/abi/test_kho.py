"""Root FDTs: trees to structures and back, and what they refuse."""

from __future__ import annotations

import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hwpkho.abi import fdt, kho
from hwpkho.errors import InputError

U64 = st.integers(0, 2**64 - 1)


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


@pytest.mark.parametrize("ref", [kho.SubtreeRef("x", None, 1), kho.SubtreeRef("x", 1, None)])
def test_root_that_cannot_be_written(ref):
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
