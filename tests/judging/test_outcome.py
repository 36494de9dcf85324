"""The outcome of a handover is judged by facts, whatever else is wrong with it."""

from __future__ import annotations

import struct

import pytest

from hwpkho.commands import decode as decoding
from hwpkho.commands.validate import validate
from hwpkho.inputs.case import read_inputs
from hwpkho.inputs.role import which_handover, why_unread
from tests.support import captures, certain
from tests.support.handovers import Machine, elf
from tests.support.judged import set_root

PFNS = [0x1000, 0x2222, 0x1001]


@pytest.mark.parametrize("left_out", ["memblock", "kexec-metadata"])
def test_a_foreign_blob_that_is_not_in_the_image_hides_no_crash(left_out, tmp_path):
    """Real: after an empty list the second kernel publishes an address that is no memory."""
    outgoing = captures.truth("x86-empty-post")["handovers"][1]
    pages = dict(captures.pages("x86-empty-post"))
    del pages[next(s["phys"] for s in outgoing["subtrees"] if s["name"] == left_out) & -4096]
    path = tmp_path / "memory.elf"
    path.write_bytes(elf(sorted(pages.items()), "x86_64"))
    result = validate([str(path)])
    assert result.outcome == "crash"
    assert "HP205" in {f.code for f in result.findings if f.severity == "error"}


@pytest.mark.parametrize("foreign", [1, 16, 17, 40])
def test_any_number_of_foreign_blobs_hides_none_of_ours(foreign, tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, subtrees=[(f"other{n}", b"x") for n in range(foreign)])
    for ref in made.subtrees:
        if ref.name.startswith("other"):
            del m.memory[certain(ref.phys)]
    set_root(m, made, "preserved-data", struct.pack("<Q", 1 << 45), "hwpoison")
    path = str(m.save(tmp_path))
    handovers = read_inputs([path]).handovers
    assert validate([path]).outcome == "crash"
    assert decoding.exit_code(handovers) == 1
    assert [p.severity for p in handovers[0].problems if p.code == "HP205"] == ["error"]


def test_an_image_that_lacks_a_blob_does_not_tell_the_outcome(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    m.put()  # memory goes on behind it
    del m.memory[made.blob]
    assert validate([str(m.save(tmp_path))]).outcome is None


def test_a_page_that_the_missing_part_of_the_tracker_may_mark(tmp_path):
    """What the image lacks may mark it: nothing says that the list is dropped."""
    m = Machine(arch="x86_64", gap=1 << 15)  # each page under a bitmap of its own
    made = m.handover(PFNS)
    whole = read_inputs([str(m.save(tmp_path))]).handovers[0]
    assert whole.tracker == "complete"
    leaves = [n for n, (level, _) in certain(whole.walk).places.items() if level == 0]
    del m.memory[leaves[-1]]
    (h,) = read_inputs([str(m.save(tmp_path))]).handovers
    assert h.unmarked
    assert "HP403" in {p.code for p in h.problems if p.severity == "warning"}
    assert validate([str(m.save(tmp_path))]).outcome is None
    assert certain(which_handover([h]).root).phys == made.root


def test_why_a_list_is_unread_is_said_of_the_list(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, subtrees=[("other", b"x")])
    set_root(m, made, "preserved-data", b"1234567", "other")
    m.poke(made.blob, "<I", 2)
    assert "HP302" in why_unread(read_inputs([str(m.save(tmp_path))]).handovers[0])
