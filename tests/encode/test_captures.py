"""What real kernels wrote, built again: the same bytes; and encode against replayed handovers."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.abi import fdt, hwpoison, kexec_metadata, kho, vmalloc
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.tracker import TRACKERS, radix
from hwpkho.base.listing import Listing
from hwpkho.commands.encode import encode
from hwpkho.commands.encode_options import EncodeOptions
from hwpkho.encode.builder import build
from hwpkho.encode.request import Request
from hwpkho.inputs.case import CaseOptions, read_inputs
from hwpkho.inputs.lists import read_list
from tests.support import FIXTURES, captures, certain

if TYPE_CHECKING:
    from pathlib import Path

REPLAY = FIXTURES / "replay"
ALL = [(n, i, h) for n in captures.NAMES for i, h in enumerate(captures.truth(n)["handovers"])]
INTACT = [(n, i) for n, i, h in ALL if h["list"] == "intact"]
TRACKED = [(n, i) for n, i, h in ALL if h["tracker"] == "complete"]


def pairs(chosen):
    return pytest.mark.parametrize("real", chosen, ids=lambda p: f"{p[0]}-{p[1]}", indirect=True)


@pytest.fixture
def real(request, capture):
    """Return ``(source, handover)`` of one handover of a capture."""
    name, index = request.param
    case = read_inputs([str(capture(name))])
    return case.source, case.handovers[index]


def blocks_of(preserved) -> list[tuple[int, int]]:
    """List what a tracker marks, one block at a time, in the order of the keys."""
    found = []
    for (order, number), leaf in preserved.leaves.items():
        mask = int.from_bytes(leaf, "little")
        while mask:
            bit = (mask & -mask).bit_length() - 1
            mask &= mask - 1
            found.append(((number * preserved.bits + bit) << (preserved.page_shift + order), order))
    return sorted(found, key=lambda b: radix.encode_key(b[0], b[1], preserved.page_shift))


@pairs(INTACT)
def test_chunks(real, subtests):
    source, handover = real
    size, found = handover.page_size, handover.hwpoison
    parts = vmalloc.split(found.pages, size)
    assert len(parts) == len(found.chunks)
    for at, following, part in zip(found.chunks, [*found.chunks[1:], 0], parts, strict=True):
        with subtests.test(hex(at)):
            page = bytes(source.read(at, size))
            assert vmalloc.Chunk.parse(page).build(size) == page
            assert vmalloc.Chunk(following, part).build(size) == page


@pairs(TRACKED)
def test_tracker(real):
    source, handover = real
    size, nodes = handover.page_size, handover.walk.nodes
    tracker = TRACKERS[handover.root.fdt.version.tracker]
    # Keys in ascending order need their nodes in the order in which the walk met them.
    again = iter(nodes)
    start, pages = tracker.build(blocks_of(handover.walk.preserved), size, again.__next__)
    assert start == handover.root.memory_map
    assert next(again, None) is None
    assert [hex(at) for at in nodes if pages.get(at) != bytes(source.read(at, size))] == []


@pairs(INTACT)
def test_blob(real):
    source, handover = real
    found, size = handover.hwpoison, handover.page_size
    raw = bytes(source.read(found.phys, found.size))
    built = hwpoison.REVISIONS[found.revision].build(hwpoison.parse(raw), size)
    assert len(built) == len(raw)
    end = fdt.totalsize(raw) or len(raw)
    assert built[:end] == raw[:end]


@pairs([(n, i) for n, i, _ in ALL])
def test_root(real):
    source, handover = real
    ours, at = handover.root.fdt, handover.root.phys
    built = kho.build(ours.version, ours.memory_map, ours.subtrees)
    assert built == bytes(source.read(at, ours.totalsize))


@pairs([(n, i) for n, i, _ in ALL])
def test_kexec_metadata(real):
    source, handover = real
    phys = next(s.phys for s in handover.root.subtrees if s.name == "kexec-metadata")
    raw = bytes(source.read(phys, kexec_metadata.KEXEC_METADATA_SIZE))
    assert KexecMetadata.parse(raw).build() == raw


@pytest.mark.parametrize("name", sorted({name for name, _ in INTACT}))
def test_a_capture_becomes_another_handover(name, capture, tmp_path):
    """Only the list is taken, and it comes out as it went in."""
    given = read_list(str(capture(name)), keep_open=True)
    out = tmp_path / "out.elf"
    options = EncodeOptions(
        output=str(out), at=0x6000_0000, scratch=((0x5000_0000, 64 << 20),), keep_subtrees=True
    )
    encode(given, options)
    (made,) = read_inputs([str(out)]).handovers
    assert certain(made.hwpoison).pfns == given.pfns.array()
    assert (made.arch, made.page_size) == (given.arch, given.page_size)
    assert made.tracker == "complete"
    assert certain(made.scratch).areas == ((0x5000_0000, 64 << 20),)
    assert [p.code for p in made.problems if p.severity != "note"] == (
        [] if given.pfns else ["HP318"]
    )
    # Subtrees and kexec-metadata were kept, their blobs byte for byte.
    before, after = (
        {s.name: (s.size, s.details) for s in certain(certain(h).root).subtrees}
        for h in (given.handover, made)
    )
    before.pop("LUO", None)  # what it points to is not copied
    assert {**before, "hwpoison": None} == {**after, "hwpoison": None}
    assert made.metadata == certain(given.handover).metadata


@pytest.fixture(params=sorted(p.name for p in REPLAY.iterdir() if p.is_dir()))
def replayed(request, tmp_path) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Return the memory of a replayed handover, what was passed on, and what the kernel did."""
    folder = REPLAY / request.param
    for packed in (folder / "memory").iterdir():
        (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return (
        tmp_path,
        json.loads((folder / "handover.json").read_text()),
        json.loads((folder / "outcome.json").read_text()),
    )


def test_replayed_handovers_are_made_again(replayed):
    """The same list at the same place: what a real kernel took, encode makes.

    Their root FDTs and fdt-v1 blobs came from another FDT writer, which orders its strings
    otherwise: those are compared by what they say.
    """
    folder, passed, outcome = replayed
    size, at = passed["page_size"], passed["kho_fdt"][0]
    options = CaseOptions(size, at, tuple(passed["kho_scratch"]), "arm64")
    case = read_inputs([str(folder)], options)
    (real,) = case.handovers
    found = real.hwpoison
    assert outcome["outcome"] == "replay"
    assert list(certain(certain(found).pfns)) == outcome["pfns"]
    layout = build(
        Request(
            Listing(outcome["pfns"]),
            size,
            "arm64",
            revision=certain(found).revision,
            capacity=certain(certain(found).blob).vmalloc.capacity(size),
            at=at,
            scratch=certain(certain(real.scratch).areas),
        )
    )
    assert layout.kho_fdt == tuple(passed["kho_fdt"])
    assert layout.kho_scratch == tuple(passed["kho_scratch"])
    assert layout.blob == certain(found).blob
    assert (layout.chunks, layout.array) == (certain(found).chunks, certain(found).pages)
    in_a_tree = certain(found).revision == "fdt-v1"
    trees = {layout.root, layout.blob_phys} if in_a_tree else {layout.root}
    different = []
    for phys, page in layout.pieces:
        there = bytes(certain(certain(case.source).read(phys, len(page))))
        same = same_tree(bytes(page), there) if phys in trees else bytes(page) == there
        if not same:
            different.append(hex(phys))
    assert different == []


def same_tree(first: bytes, second: bytes) -> bool:
    """Compare names and values, not the order of properties or strings."""

    def plain(node):
        return (
            {p.name: p.value for p in node.properties},
            {c.name: plain(c) for c in node.children},
        )

    return bool(plain(fdt.parse(first).root) == plain(fdt.parse(second).root))
