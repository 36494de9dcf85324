"""encode's parts: free frames, what a request may ask for, writing whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.base import output, renaming
from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.encode.builder import build
from hwpkho.encode.layout import joined
from hwpkho.encode.request import Request
from hwpkho.encode.space import NoRoomError, Space, stretches
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs import plus

ONE = Listing([1])
PHYS_LIMIT = 1 << 52


def members(ranges) -> set[int]:
    return {n for first, end in ranges for n in range(first, end)}


BUCKET = 1 << 20
FRAMES = st.one_of(st.integers(0, 50), st.integers(BUCKET - 20, BUCKET + 20))


@given(
    pfns=st.lists(st.one_of(FRAMES, st.integers(0, 1 << 40)), max_size=80),
    first=FRAMES,
    length=st.integers(0, 60),
)
def test_stretches_leave_out_what_is_poisoned(pfns, first, length):
    found = list(stretches(first, first + length, pfn_set(pfns)))
    assert members(found) == set(range(first, first + length)) - set(pfns)
    assert found == union(found)


def test_stretches_cost_what_is_poisoned_not_what_is_free():
    far = 1 << 40
    assert list(stretches(1, far, pfn_set([3, far - 1]))) == [(1, 3), (4, far - 1)]
    full = pfn_set(range(BUCKET - 2, 2 * BUCKET + 2))
    assert list(stretches(0, far, full)) == [(0, BUCKET - 2), (2 * BUCKET + 2, far)]


@given(
    pfns=st.lists(st.integers(0, 200), max_size=40),
    wanted=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=20),
)
def test_space_hands_out_each_frame_once(pfns, wanted):
    space = Space([(3, 90), (100, 150)], pfn_set(pfns))
    free = members([(3, 90), (100, 150)]) - set(pfns)
    for pages, align in wanted:
        if pages == 9:  # nine single ones
            try:
                taken = list(space.blocks(pages))
            except NoRoomError:
                assert len(free) < pages
                return
            assert taken == sorted(taken)
        else:
            fits = [n for n in range(0, 150, 1 << align) if free.issuperset(range(n, n + pages))]
            try:
                first = space.run(pages, 1 << align)
            except NoRoomError:
                assert not fits
                return
            assert first in fits
            taken = list(range(first, first + pages))
        assert free.issuperset(taken)
        free -= set(taken)


def test_leftovers_are_limited():
    space = Space([(0, 100_001)], pfn_set(range(0, 100_000, 2)))
    assert space.run(1) == 1
    assert space.run(2) == 99_999  # passes by 50 000 single frames
    with pytest.raises(NoRoomError):
        list(space.blocks(5000))


@pytest.mark.parametrize("found_by", ["run", "blocks"])
def test_what_is_left_of_a_stretch_is_never_forgotten(found_by):
    """However many stretches were too short before it."""
    space = Space([(0, 200_000)], pfn_set(range(0, 100_000, 2)))
    if found_by == "run":
        assert space.run(2) == 99_999
    else:
        assert list(space.blocks(3, 2)) == [100_000, 100_002, 100_004]
    assert space.run(50_000, 2) in (100_002, 100_006)
    assert list(space.blocks(2)) == [1, 3]


def test_an_array_of_blocks_is_placed_behind_many_poisoned_frames():
    """Every other frame is bad for 32 MiB: the rest of 2 GiB has room, and is looked at once."""
    bad = Listing(range(0x60000, 0x62000, 2))
    ram = ((0x6000_0000, 2 << 30),)
    layout = build(Request(bad, at=0x6000_0000, ram=ram, order=1, capacity=1 << 22))
    assert len(layout.array) == 4096
    assert min(layout.array) >= 0x6200_0000
    assert list(layout.array) == sorted(set(layout.array))


@given(
    pfns=st.lists(st.integers(0, 200), max_size=40),
    wanted=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=8),
)
def test_blocks_are_those_that_single_runs_give(pfns, wanted):
    ranges = [(3, 90), (100, 150)]
    spaces = [Space(ranges, pfn_set(pfns)) for _ in range(2)]
    for count, order in wanted:
        size = 1 << order
        try:
            blocks = list(spaces[0].blocks(count, size))
        except NoRoomError:
            with pytest.raises(NoRoomError):
                [spaces[1].run(size, size) for _ in range(count)]
            return
        assert blocks == [spaces[1].run(size, size) for _ in range(count)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"page_size": 16384}, "x86_64 has pages of 4096"),
        ({"kho": 1, "revision": "struct-v1"}, "struct-v1 cannot go with kho-v1"),
        ({"kho": 1, "metadata": KexecMetadata("x", 1)}, "kexec-metadata cannot go"),
        ({"order": 11}, "order 11"),
        ({"flags": 1 << 16}, "16 bits"),
        ({"capacity": 0}, "capacity 0"),
        ({"capacity": (1 << 27) + 1}, "capacity"),
        ({"pfns": Listing(range(600)), "capacity": 512}, "600 PFNs do not fit"),
        ({"at": None}, "no place for the handover"),
        ({"at": 0x6000_0800}, "not the address of a page"),
        ({"at": 0}, "not the address of a page"),
        ({"at": PHYS_LIMIT}, "below 2^52"),
        ({"at": 0x1000}, "first 1 MiB"),
        ({"at": PHYS_LIMIT - 4096}, "no room"),
        ({"ram": ((0x6000_0000, 0),)}, "empty"),
        ({"ram": ((PHYS_LIMIT, 4096),)}, "past 2^52"),
        ({"ram": ((0x7000_0000, 1 << 20),)}, "outside the RAM"),
        ({"at": None, "ram": ((0x6000_0000, 0x8000),)}, "no room"),
        ({"at": None, "ram": ((0x6000_0800, 0x800),)}, "no room: the 0 B"),
        ({"at": None, "ram": ((0, 1 << 20),)}, "no room"),
        ({"scratch": ((0x5000_0000, 0),)}, "not a whole number of pages"),
        ({"scratch": ((0x5000_0800, 4096),)}, "not a whole number of pages"),
        ({"scratch": ((PHYS_LIMIT - 4096, 8192),)}, "past 2^52"),
        ({"scratch": ((0, 8192), (4096, 4096))}, "overlaps"),
        ({"subtrees": (("a/b", b"x"),)}, "not a valid name of a device-tree node"),
        ({"subtrees": (("a\x1b", b"x"),)}, "'a\\x1b'"),
        ({"subtrees": (("hwpoison@0", b"x"),)}, "of that name exists already"),
        ({"subtrees": (("a", b"x"), ("a", b"y"))}, "of that name exists already"),
        (
            {"subtrees": (("kexec-metadata", b"x"),), "metadata": KexecMetadata("x", 1)},
            "of that name exists already",
        ),
        ({"subtrees": (("a", b""),)}, "0 bytes"),
        ({"subtrees": (("a", bytes((16 << 20) + 1)),)}, "16777217 bytes"),
        ({"kho": 1, "subtrees": (("a", b"struct"),)}, "takes FDTs only"),
        ({"subtrees": tuple((f"n{i}", b"x") for i in range(100))}, "one page of root FDT"),
    ],
)
def test_what_a_request_may_not_ask(changes, words):
    request = Request(**{"pfns": ONE, "at": 0x6000_0000, **changes})
    with pytest.raises(UsageError) as raised:
        build(request)
    assert words in str(raised.value)


@pytest.mark.parametrize(("size", "arch"), [(4096, "x86_64"), (65536, "arm64")])
def test_pfns_beyond_every_address_are_kept_and_told(size, arch):
    last = PHYS_LIMIT // size - 1
    assert Request(Listing([last]), size, arch).beyond() is None
    request = Request(Listing([last, last + 1, 2**64 - 1]), size, arch, at=0x6000_0000)
    assert request.beyond() == 1
    assert build(request).blob.count == 3


def test_poison_and_scratch_push_the_handover_on():
    first = 0x6000_0000 >> 12
    request = Request(Listing([first, first + 2]), at=0x6000_0000, scratch=((0x6000_1000, 4096),))
    layout = build(request)
    assert layout.root == 0x6000_3000
    assert layout.extents() == [(0x6000_3000, len(layout.pieces) * 4096)]


def test_of_several_ranges_the_highest_with_room_is_taken():
    ram = ((0x1_0000_0000, 0x4000), (0x4000_0000, 1 << 30), (0x1000_0000, 1 << 30))
    layout = build(Request(ONE, ram=ram))
    assert 0x7F00_0000 < layout.root < 0x8000_0000
    assert layout.root % (2 << 20) == 0


def test_what_fits_only_in_parts_is_spread():
    """Four frames here, four there, the rest at the top: every frame is used that is needed."""
    ram = tuple((0x1000_0000 + i * 0x10_0000, 0x4000) for i in range(4))
    layout = build(Request(ONE, ram=ram, scratch=((0x5000_0000, 1 << 25),)))
    assert len(layout.pieces) == 11
    assert [start for start, _ in layout.extents()] == [start for start, _ in ram[:3]]


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def test_a_file_appears_whole(tmp_path, umask):
    path = tmp_path / "out"
    with output.file(str(path)) as out:
        out.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_finished_never_appears(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def half():
        with output.file(str(path), force=True) as out:
            out.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_overwritten_by_force_only(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="--force"), output.file(str(path)):
        pytest.fail("must not get here")
    with output.file(str(path), force=True) as out:
        out.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "out"

    def race():
        with output.file(str(path)) as out:
            out.write(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(InputError, match="exists"):
        race()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_without_links_a_file_is_renamed(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(renaming, "_call", lambda: None)
    monkeypatch.setattr(os, "link", no_links)
    with output.file(str(tmp_path / "out")) as out:
        out.write(b"one")
    assert (tmp_path / "out").read_bytes() == b"one"
    with (
        pytest.raises(InputError, match="File exists"),
        output.file(str(tmp_path / "new")) as out,
    ):
        (tmp_path / "new").write_bytes(b"theirs")
    assert (tmp_path / "new").read_bytes() == b"theirs"


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("target")
    with output.file(str(tmp_path / "link")) as out:
        out.write(b"one")
    assert (tmp_path / "target").read_bytes() == b"one"
    assert (tmp_path / "link").is_symlink()


def test_devices_and_pipes_are_written_to(tmp_path):
    with output.file("/dev/null") as out:
        out.write(b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with output.file(str(fifo)) as out:
        out.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_places_that_cannot_be(tmp_path):
    with (
        pytest.raises(InputError, match=r"/a/b: there is no folder /.*/a$"),
        output.file(str(tmp_path / "a/b")),
    ):
        pytest.fail("must not get here")
    with pytest.raises(UsageError, match="not a regular file"), output.file(str(tmp_path)):
        pytest.fail("must not get here")
    with pytest.raises(InputError, match="/proc/x: No such file"), output.file("/proc/x"):
        pytest.fail("must not get here")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Not a directory"), output.file(f"{tmp_path}/file/x"):
        pytest.fail("must not get here")
    with pytest.raises(UsageError, match="not a folder"):
        output.check_folder(str(tmp_path / "file"), str.isdigit, force=True)
    with (
        pytest.raises(InputError, match=r"/a/b: there is no folder /.*/a$"),
        output.folder(str(tmp_path / "a/b"), str.isdigit),
    ):
        pytest.fail("must not get here")


def fill(path, *names, force=False):
    with output.folder(str(path), str.isdigit, force=force) as new:
        for name in names:
            (new / name).write_text(name)


def test_a_folder_appears_whole(tmp_path):
    path = tmp_path / "out"
    fill(path, "1", "2")
    assert sorted(p.name for p in path.iterdir()) == ["1", "2"]
    with pytest.raises(UsageError, match="--force"):
        fill(path, "3")
    fill(path, "3", force=True)
    assert [p.name for p in path.iterdir()] == ["3"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_folder_is_filled(tmp_path):
    fill(tmp_path / "made", "1")
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", "1")
    assert [p.name for p in (tmp_path / "empty").iterdir()] == ["1"]


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    with pytest.raises(UsageError, match="letter"):
        fill(tmp_path / "home", "1", force=True)
    assert (tmp_path / "home" / "letter").read_text() == "dear"


def test_a_folder_that_is_not_finished_never_appears(tmp_path):
    def half():
        with output.folder(str(tmp_path / "out"), str.isdigit) as new:
            (new / "1").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert not list(tmp_path.iterdir())


def test_a_folder_made_meanwhile_is_not_replaced(tmp_path):
    fill(tmp_path / "another", "7")
    with pytest.raises(UsageError), output.folder(str(tmp_path / "out"), str.isdigit):
        (tmp_path / "another").rename(tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["7"]


@pytest.mark.parametrize(
    ("argument", "there", "want"),
    [
        ("a", [], ["a"]),
        ("a+b", [], ["a", "b"]),
        ("a+b", ["a+b"], ["a+b"]),
        ("a+b+c", ["a+b"], ["a+b", "c"]),
        ("a+b+c", ["b+c", "a"], ["a", "b+c"]),
        ("x+y@0x1000+-", ["x+y"], ["x+y@0x1000", "-"]),
        ("nul\0+b", [], ["nul\0", "b"]),
    ],
)
def test_pieces(argument, there, want, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in there:
        (tmp_path / name).touch()
    assert plus.split(argument) == want


def test_empty_pieces():
    with pytest.raises(UsageError, match="is empty"):
        plus.split("a++b")


@given(
    runs=st.lists(st.tuples(st.integers(0, PHYS_LIMIT // 2048), st.integers(0, 3)), max_size=6),
    size=st.sampled_from([4096, 65536]),
)
def test_the_first_entry_beyond_every_address_is_found_in_ranges(runs, size):
    listing = of_runs((first, first + more) for first, more in runs)
    request = Request(listing, size, "x86_64" if size == 4096 else "arm64", at=0x6000_0000)
    beyond = [at for at, pfn in enumerate(listing) if pfn >= PHYS_LIMIT // size]
    assert request.beyond() == (beyond[0] if beyond else None)


@given(runs=st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(0, 900)), max_size=5))
def test_pages_of_ranges_are_those_of_their_pfns(runs):
    ranges = of_runs((first, first + more) for first, more in runs)
    made, single = (
        build(Request(listing, at=0x6_0000_0000)) for listing in (ranges, Listing(list(ranges)))
    )
    assert [(phys, bytes(data)) for phys, data in made.pieces] == [
        (phys, bytes(data)) for phys, data in single.pieces
    ]
    assert made.extents() == [(phys, sum(map(len, parts))) for phys, parts in joined(made.pieces)]
