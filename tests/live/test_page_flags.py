"""Page flags: which pages are bad, single ones and parts of huge ones."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import kpageflags
from hwpkho.errors import InputError
from hwpkho.images.elf import open_elf
from hwpkho.images.files import FileBytes
from hwpkho.live import near, page_flags
from tests.support.examples import times
from tests.support.handovers import Machine
from tests.support.live_trees import COMPOUND_HEAD, HUGE, HWPOISON, LiveTree

WORDS = st.sampled_from([0, 1 << 10, HWPOISON, HWPOISON | HUGE, HWPOISON | HUGE | COMPOUND_HEAD])


def _flags(path, **more):
    with FileBytes(str(path)) as file:
        return page_flags.read(file, **more)


@times(2)
@given(st.lists(WORDS, max_size=60))
def test_runs_by_size(words):
    data = struct.pack(f"={len(words)}Q", *words)
    single, huge = set(), list[list[int]]()
    for index, word in enumerate(words):
        if word & HWPOISON and not word & HUGE:
            single.add(index)
        elif word & HWPOISON:
            goes_on = huge and huge[-1][1] == index - 1 and not word & COMPOUND_HEAD
            if goes_on:
                huge[-1][1] = index
            else:
                huge.append([index, index])
    runs = list(kpageflags.by_size(data))
    assert {n for r in runs if not r.huge for n in range(r.first, r.last + 1)} == single
    assert [[r.first, r.last] for r in runs if r.huge] == huge


@times(1)
@given(st.lists(st.tuples(WORDS, st.integers(1, 40)), max_size=6), st.sampled_from([8, 16, 64]))
def test_runs_go_on_in_the_next_block(tmp_path, runs, block):
    words = [word for word, n in runs for _ in range(n)]
    path = tmp_path / "flags"
    path.write_bytes(struct.pack(f"={len(words)}Q", *words) or bytes(8))
    whole = _flags(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_flags, "_BLOCK", block)
        cut = _flags(path)
    assert list(cut.single) == list(whole.single)
    assert list(cut.folios.runs()) == list(whole.folios.runs())


def test_frames_that_are_not_asked_for_are_not_read(tmp_path):
    path = LiveTree(tmp_path).flags([5, 100, 4000], 4096)
    assert list(_flags(path, frames=[(0, 99), (3000, 9999)]).single) == [(5, 5), (4000, 4000)]


@pytest.mark.parametrize("size", [0, 1, 7, 9])
def test_no_whole_words(tmp_path, size):
    path = tmp_path / "flags"
    path.write_bytes(bytes(size))
    with pytest.raises(InputError, match=r"empty|not whole words"):
        _flags(path)


def test_a_terabyte_is_read_where_there_is_something(tmp_path, monkeypatch):
    """2 GiB of flags, almost all of them holes."""
    path = LiveTree(tmp_path).flags([5, 0x0FFF_0000], 1 << 28)
    read = list[int]()
    pread = FileBytes.read

    def counted(self, at, size):
        read.append(size)
        return pread(self, at, size)

    monkeypatch.setattr(FileBytes, "read", counted)
    assert list(_flags(path).single) == [(5, 5), (0x0FFF_0000, 0x0FFF_0000)]
    assert sum(read) < 64 << 20


def test_more_runs_than_a_machine_has(tmp_path, monkeypatch):
    monkeypatch.setattr(page_flags, "MAX_RUNS", 3)
    with pytest.raises(InputError, match="more than 3 runs"):
        _flags(LiveTree(tmp_path).flags([1, 3, 5, 7], 16))


def test_device_trees_in_pages_without_a_flag(tmp_path, monkeypatch):
    """A kernel that took a handover over does not show its own root FDT in debugfs."""
    monkeypatch.setattr(near, "_BLOCK", 64)
    m = Machine(at=0x10000)
    trees = [m.put(b"\xd0\x0d\xfe\xed" + bytes(100)) for _ in range(4)]
    m.put(b"others")
    path = LiveTree(tmp_path).flags([], 0x100)
    flagged = trees[1]
    with path.open("r+b") as file:
        file.seek(flagged // 4096 * 8)
        file.write(struct.pack("=Q", 1 << 10))
    source = open_elf(FileBytes(str(m.save(tmp_path))))
    with FileBytes(str(path)) as file:
        found = list(near.device_trees(source, file, 4096))
    assert found == [phys for phys in trees if phys != flagged]
