"""Handovers that are broken on purpose: what is made, where, and what validate says of it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.kho import VERSIONS
from hwpkho.abi.tracker import TRACKERS
from hwpkho.base.arch import first_with, page_sizes
from hwpkho.base.listing import Listing
from hwpkho.encode.builder import build
from hwpkho.encode.damage import base, breaking
from hwpkho.encode.damage.draft import Draft
from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.encode.request import Request
from hwpkho.errors import UsageError
from tests.kernel.damage import Case, scene
from tests.support import certain, damage_table
from tests.support.examples import some
from tests.toys import kho_version

NAMES = DAMAGES.names()
RAM, SCRATCH = (0x6000_0000, 512 << 20), (0x5000_0000, 64 << 20)


def request(**changes) -> Request:
    """Return a request that has what every damage of the struct revision needs."""
    page_size = changes.get("page_size", 4096)
    usual = {
        "pfns": Listing([0x9000, 0x9001, 0x9123]),
        "page_size": page_size,
        "arch": certain(first_with(page_size)).name,
        "capacity": 3 * page_size // 8,
        "metadata": KexecMetadata("hwpkho", 1),
        "ram": (RAM,),
        "scratch": (SCRATCH,),
    }
    return Request(**{**usual, **changes})


def test_a_tracker_is_no_tree_by_its_name() -> None:
    toy = kho_version.V9._replace(tracker="radix-toy")
    TRACKERS.register(toy.tracker, kho_version)
    VERSIONS.register(toy.name, toy)
    try:
        assert base.TREE.lacks(request(kho=toy.number)) == "--kho v2, v3 or v4"
        assert base.TREE.lacks(request()) is None
    finally:
        VERSIONS.unregister(toy.name)
        TRACKERS.unregister(toy.tracker)


# What validate says; docs/damages.md


@pytest.mark.parametrize("name", NAMES)
def test_validate_says_what_the_table_has(name, tmp_path):
    told = damage_table.said(DAMAGES[name], tmp_path)
    row = damage_table.row(DAMAGES[name], told)
    assert damage_table.rows_of_page()[name] == row, "python -m tests.support.damage_table"


def test_the_table_has_them_all_in_order():
    assert list(damage_table.rows_of_page()) == NAMES
    assert list(damage_table.documented()) == NAMES


# What is made


def _parts(layout):
    return layout.pieces, layout.kho_fdt, layout.kho_scratch


@pytest.mark.parametrize("name", NAMES)
def test_each_changes_something_and_stays_in_free_memory(name):
    case = Case(name, DAMAGES[name], {})
    sound, made = build(case.request(4096)), scene(case, 4096)
    assert _parts(made.layout) != _parts(sound)
    assert certain(made.layout.broken).name == name
    pieces = made.layout.pieces
    assert pieces == sorted(pieces)
    ram, scratch = certain(made.draft.request).ram[0], made.draft.request.scratch[0]
    poisoned = set(made.draft.request.pfns)
    places = [(phys, phys + len(data)) for phys, data in pieces]
    assert [b for (_, end), b in pairwise(places) if b[0] < end] == []
    assert [(a, b) for a, b in places if a % 4096 or b % 4096] == []
    assert [(a, b) for a, b in places if not ram[0] <= a < b <= sum(ram)] == []
    assert [(a, b) for a, b in places if a < sum(scratch) and b > scratch[0]] == []
    taken = {pfn for a, b in places for pfn in range(a // 4096, b // 4096)}
    assert poisoned & taken == set()


@pytest.mark.parametrize("name", NAMES)
def test_without_a_damage_the_rest_stands_where_it_stood(name):
    """Only the damage tells the two apart: the root FDT and the blob have not moved."""
    case = Case(name, DAMAGES[name], {})
    sound, made = build(case.request(4096)), scene(case, 4096).layout
    assert (made.root, made.blob_phys, made.chunks) == (sound.root, sound.blob_phys, sound.chunks)
    assert made.blob == sound.blob


@pytest.mark.parametrize(
    "changes",
    some(
        [
            {"kho": 1, "metadata": None},
            {"kho": 2, "page_size": 16384},
            {"kho": 3, "page_size": 65536, "revision": "fdt-v1"},
            {"page_size": 65536},
            {"order": 1},
            {"metadata": None, "scratch": (), "ram": (), "at": 0x6000_0000, "capacity": None},
            {"capacity": 512 * 512},
            {"kho": 2},
            {"kho": 1, "metadata": None, "page_size": 16384},
            {"page_size": 16384},
            {"page_size": 16384, "order": 3, "revision": "fdt-v1"},
        ],
        2,
    ),
    ids=str,
)
def test_each_is_done_or_says_what_it_lacks(changes, subtests):
    wanted, done = request(**changes), 0
    for name in NAMES:
        with subtests.test(name):
            lacking = [need for need in DAMAGES[name].needs if need.lacks(wanted)]
            if not lacking:
                made = breaking.build(wanted, DAMAGES[name])
                assert certain(made.broken).name == name
                done += 1
                continue
            with pytest.raises(UsageError) as raised:
                breaking.build(wanted, DAMAGES[name])
            said = f"--damage {name} needs {lacking[0].text}: give {lacking[0].lacks(wanted)}"
            assert str(raised.value) == said
    assert done > len(NAMES) // 4


@pytest.mark.parametrize(
    ("name", "lacking", "words"),
    [
        ("count-huge", {"revision": "fdt-v1"}, "--revision struct-v1"),
        ("count-huge", {"kho": 1, "metadata": None}, "--kho v2, v3 or v4"),
        ("fdt-compatible", {}, "--revision fdt-v1"),
        ("size-missing", {"kho": 2}, "--kho v3 or v4"),
        ("entries-swapped", {"capacity": 1024}, "--capacity 1025"),
        ("block-larger", {"order": 1}, "--order 0"),
        ("blocks-merged", {"capacity": 1 << 20}, "--capacity 260608 or less"),
        ("blocks-merged", {"capacity": 512}, "--capacity 513"),
        ("scratch-two-areas", {"scratch": ((0x4000_0000, 4096),)}, "--scratch START:SIZE"),
        ("scratch-two-areas", {"scratch": ()}, "--scratch START:SIZE"),
        ("scratch-length-8", {"scratch": ()}, "--scratch START:SIZE"),
        ("all-ram-marked", {"ram": (), "at": 0x6000_0000}, "--ram START:SIZE"),
        ("metadata-outside-ram", {"metadata": None}, "--kexec-count 1"),
        ("metadata-outside-ram", {"kho": 1, "metadata": None}, "--kho v2, v3 or v4"),
        ("nodes-big-endian", {"kho": 1, "metadata": None}, "--kho v2, v3 or v4"),
    ],
)
def test_what_is_lacking_is_named(name, lacking, words):
    with pytest.raises(UsageError) as raised:
        breaking.build(request(**lacking), DAMAGES[name])
    assert str(raised.value).startswith(f"--damage {name} needs ")
    assert f": give {words}" in str(raised.value)


@pytest.mark.parametrize("pages", [1, 2, 4, 8])
@pytest.mark.parametrize("name", ["node-reached-twice", "order-bit-misplaced"])
def test_no_other_node_of_the_tracker_is_lost(name, pages):
    """Also where a handover lies across the range of a leaf, and has blocks of two orders."""
    edge = 0x6800_0000 - pages * 4096  # a leaf marks 128 MiB
    wanted = request(at=edge, subtrees=(("two-pages", bytes(8192)),), capacity=4096)
    draft = Draft.of(wanted)
    nodes = set(draft.nodes)
    DAMAGES[name].change(draft)
    reached, todo = set(), [(draft.tracker, 5)]
    while todo:
        node, level = todo.pop()
        reached.add(node)
        todo += [(word, level - 1) for word in draft.words(node) if word and level]
    assert reached == nodes == set(draft.nodes)


def test_it_names_enough(subtests):
    for pages in range(1, 6):
        needed = base.pages(pages)
        for size in page_sizes():
            with subtests.test(f"{pages} of {size}"):
                one = request(page_size=size, capacity=1)
                give = needed.lacks(one)
                if give is None:
                    assert pages == 1
                    continue
                capacity = int(give.removeprefix("--capacity "))
                assert needed.lacks(request(page_size=size, capacity=capacity)) is None
                assert needed.lacks(request(page_size=size, capacity=capacity - 1)) is not None


def test_a_long_array_in_one_chunk_can_be_moved():
    most = 509 * 512
    made = breaking.build(request(capacity=most), DAMAGES["blocks-merged"])
    assert len(made.array) == 509
    assert certain(made.broken).pieces


# Addresses outside RAM


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, sum(RAM)),
        ({"ram": (RAM, (0x10_0000_0000, 1 << 30))}, 0x10_4000_0000),
        ({"scratch": ((0x20_0000_0000, 1 << 30),)}, 0x20_4000_0000),
        ({"pfns": Listing([0x3000_0000])}, 0x3000_0001 << 12),
        ({"known_end": 0x40_0000_0000}, 0x40_0000_0000),
    ],
)
def test_nowhere_is_far_above_what_is_known(changes, end):
    nowhere = Draft.of(request(**changes)).nowhere()
    assert 16 * end <= nowhere < 32 * end
    assert nowhere < 1 << 52


def test_a_pfn_that_is_no_address_does_not_count():
    assert Draft.of(request(pfns=Listing([1 << 40]))).nowhere() == 16 << 31


def test_nowhere_is_nearer_where_much_is_known():
    assert Draft.of(request(known_end=1 << 50)).nowhere() == 1 << 51


def test_there_may_be_no_such_address():
    full = Draft.of(request(ram=((0, 1 << 52),), at=0x6000_0000))
    with pytest.raises(UsageError, match="no address far above the RAM is left"):
        full.nowhere()


def test_what_a_damage_adds_may_find_no_room():
    small = request(ram=((0x6000_0000, 1 << 20),))
    with pytest.raises(UsageError, match="the damage takes 8 MiB more"):
        breaking.build(small, DAMAGES["order-11"])


def test_it_takes_what_lies_before_where_nothing_is_left_behind():
    """The handover stands near the end of the RAM; 8 MiB are free only before it."""
    made = breaking.build(request(ram=((0x6000_0000, 64 << 20),)), DAMAGES["order-11"])
    assert min(phys for phys, _ in made.pieces) < made.root


def test_only_what_is_there_can_be_overwritten():
    draft = Draft.of(request())
    with pytest.raises(KeyError):
        draft.write(0x1000, b"x")
    with pytest.raises(KeyError):
        draft.write(draft.root + 4095, b"xy")
    with pytest.raises(KeyError):
        draft.set_property("no-such", b"")
    draft.move_array(1 << 11)
    with pytest.raises(ValueError, match="2048 entries in one chunk"):
        draft.list_entries()
