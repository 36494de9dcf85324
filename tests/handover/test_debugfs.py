"""A debugfs copy beside a memory image: joined where it is of the same handover, or refused."""

from __future__ import annotations

import shutil

import pytest

from hwpkho.abi import fdt
from hwpkho.errors import InputError
from hwpkho.inputs.case import read_inputs
from tests.support import captures, certain
from tests.support.handovers import Machine

PFNS = [0x1000, 0x2222, 0x1001]


def _debugfs(folder, m, made, cut=None):
    side = folder / "kho" / "out"
    (side / "sub_fdts").mkdir(parents=True)
    raw = m.memory[made.root]
    (side / "fdt").write_bytes(raw[: cut or fdt.totalsize(raw)])
    (side / "sub_fdts" / "hwpoison").write_bytes(m.memory[made.blob][:32])
    (side / "sub_fdts" / "kexec-metadata").write_bytes(m.memory[made.metadata][:73])
    return str(folder / "kho")


@pytest.mark.parametrize("cut", [40, 56, 60, 72, 90, 100, 200, None])
def test_a_copy_cut_anywhere_is_joined_with_its_memory(cut, tmp_path):
    m = Machine()
    made = m.handover(PFNS, kexec_count=1)
    copy = _debugfs(tmp_path, m, made, cut)
    (h,) = read_inputs([copy, str(m.save(tmp_path))]).handovers
    assert (h.role, certain(h.root).phys) == ("out", made.root)
    assert list(certain(certain(h.hwpoison).pfns)) == PFNS


def test_a_copy_of_another_machine_of_the_same_generation(tmp_path):
    other = Machine(at=0x9000_0000)
    copy = _debugfs(tmp_path, other, other.handover(PFNS, kexec_count=1))
    m = Machine()
    m.handover(PFNS, kexec_count=1)
    with pytest.raises(InputError, match="after 1 kexec: not one machine"):
        read_inputs([copy, str(m.save(tmp_path))])


def test_a_copy_whose_blob_is_something_else_in_memory(tmp_path):
    m = Machine()
    older = m.handover(PFNS, kexec_count=1)
    newer = m.handover(PFNS, kexec_count=2)
    copy = _debugfs(tmp_path, m, newer)
    for phys in (newer.root, newer.metadata):
        del m.memory[phys]
    assert len(read_inputs([copy, str(m.save(tmp_path))]).handovers) == 2
    m.poke(newer.blob + 8, "<Q", 2)
    with pytest.raises(InputError, match="hwpoison differs from what is at its address"):
        read_inputs([copy, str(m.save(tmp_path))])
    assert older.root != newer.root


@pytest.mark.parametrize("names", [("kho-in", "kho-out"), ("kho_in", "kho_out")])
@pytest.mark.parametrize("within", ["", "liveupdate"])
def test_other_places_of_the_copy(names, within, cli, tmp_path):
    """A patch on the list moves the folder; scripts for bug reports rename its sides."""
    side = captures.folder("x86-structv1-small") / "debugfs-kho" / "out"
    folder = tmp_path / within
    shutil.copytree(side, folder / names[1])
    for name in ("scratch_phys", "scratch_len"):
        (folder / names[1] / name).rename(folder / name)
    (h,) = cli("decode", "--json", tmp_path).json["handovers"]
    assert (h["role"], h["hwpoison"]["revision"]) == ("out", "struct-v1")
    assert len(h["scratch"]["areas"]) == 3


@pytest.mark.parametrize("together", [True, False])
def test_two_copies_of_one_side_are_of_one_machine(together, cli, tmp_path, subtests):
    """Else the last one would count, and nothing shows which is the machine's."""
    first, second = tmp_path / "a" / "out", tmp_path / "a" / "kho_out"
    shutil.copytree(captures.folder("x86-structv1-small") / "debugfs-kho" / "out", first)
    other = captures.folder("arm64-4k-A") / "debugfs-kho" / "out"
    shutil.copytree(other, second if together else tmp_path / "b" / "out")
    given = [tmp_path / "a"] if together else [tmp_path / "a", tmp_path / "b"]
    for command in ("decode", "validate"):
        with subtests.test(command):
            got = cli(command, *given)
            assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
            assert (
                "are both the outgoing side, and differ: not one machine at one moment" in got.err
            )
    shutil.rmtree(second if together else tmp_path / "b" / "out")
    shutil.copytree(first, second if together else tmp_path / "b" / "out")
    assert cli("decode", *given).code == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_a_copy_that_is_cut_off_hides_no_difference_of_two_others(order, tmp_path):
    """What it has is the same in both; nothing shows which of them it is of."""
    one, other = Machine(), Machine(at=0x9000_0000)
    first, second = (m.handover(PFNS, kexec_count=1) for m in (one, other))
    copies = [
        _debugfs(tmp_path / "0", one, first, 60),
        _debugfs(tmp_path / "1", one, first),
        _debugfs(tmp_path / "2", other, second),
    ]
    assert one.memory[first.root][:60] == other.memory[second.root][:60]
    assert len(read_inputs(copies[:2]).handovers) == 2
    with pytest.raises(InputError, match="are both the outgoing side, and differ"):
        read_inputs([copies[i] for i in order])
