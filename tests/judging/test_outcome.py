"""The outcome of a handover is judged by facts, whatever else is wrong with it."""

from __future__ import annotations

import os
import shutil
import struct

import pytest

from hwpkho.codes.root import ROOT_ABSENT
from hwpkho.commands import decode as decoding
from hwpkho.commands.validate import validate
from hwpkho.images.records import LIME
from hwpkho.inputs.case import read_inputs
from hwpkho.inputs.role import which_handover, why_unread
from hwpkho.judging import outcome
from hwpkho.judging.decision import Decision
from hwpkho.judging.result import finding
from tests.support import captures, certain
from tests.support.handovers import Machine, elf
from tests.support.judged import RAM, set_root
from tests.support.kdump_writer import kdump

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


@pytest.mark.parametrize("cut", [40, 56, 60, 72, 79, 90, 100, 233])
def test_a_copy_that_is_cut_off_tells_no_outcome(cut, tmp_path):
    """What the file lacks, memory may have: the version, too."""
    folder = tmp_path / "kho"
    shutil.copytree(captures.folder("x86-structv1-small") / "debugfs-kho", folder)
    os.truncate(folder / "out" / "fdt", cut)
    result = validate([str(folder)])
    assert result.outcome is None
    assert not [f for f in result.findings if f.severity == "error"]


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("what", ["whole", "raw", "cut ELF", "cut LiME", "cut kdump", "a part"])
def test_a_piece_of_memory_does_not_show_where_memory_ends(what, captured, tmp_path, cli):
    """What it lacks may be where the blob is: the machine need not crash."""
    m = Machine(arch="x86_64", at=1 << 20)
    made = m.handover(PFNS)
    last = m.put(b"the end", 16)
    set_root(m, made, "preserved-data", struct.pack("<Q", last + (1 << 20)), "hwpoison")
    path = tmp_path / "image"
    spec, options = str(path), ["--page-size", "4096"]
    if what == "raw":
        base = min(m.memory)
        raw = bytearray(last + (16 << 12) - base)
        for phys, page in m.memory.items():
            raw[phys - base : phys - base + len(page)] = page
        path.write_bytes(raw)
        spec, options = f"{path}@0x{base:x}", [*options, "--arch", "x86_64"]
    elif "LiME" in what:
        records = (
            struct.pack("<8sQQ8x", LIME, phys, phys + len(data) - 1) + data
            for phys, data in sorted(m.memory.items())
        )
        path.write_bytes(b"".join(records)[:-4096])
        options += ["--arch", "x86_64"]
    elif "ELF" in what or what == "whole":
        path.write_bytes(m.elf()[: -4096 if what != "whole" else None])
    else:
        pages = {
            phys + at >> 12: data[at : at + 4096]
            for phys, data in m.memory.items()
            for at in range(0, len(data), 4096)
        }
        top = max(pages) + 1
        whole = kdump(pages, split=(0, top) if what == "a part" else None, max_mapnr=2 * top)
        path.write_bytes(whole[: -9 if "cut" in what else None])
    if captured:
        assert cli("capture", spec, *options, "-o", tmp_path / "capture").code == 0
        spec, options = str(tmp_path / "capture"), []
    got = cli("validate", spec, *options, "--json").json
    assert got["outcome"] == ("crash" if what == "whole" else None)
    codes = {f["code"] for f in got["findings"]}
    assert ("HP205" in codes, "HP206" in codes) == (what == "whole", what != "whole")


@pytest.mark.parametrize("lacks", ["blob", "end of the blob", "chunk and tracker"])
def test_what_an_image_lacks_does_not_tell_the_outcome(lacks, tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, revision="fdt-v1")
    m.put()  # memory goes on behind it
    for phys in [made.chunks[0], made.tracker] if "chunk" in lacks else [made.blob]:
        page = m.memory.pop(phys)
    if "end" in lacks:
        m.memory[made.blob] = page[:100]
    assert validate([str(m.save(tmp_path))]).outcome is None


@pytest.mark.parametrize("lacks", ["blob", "chunk"])
def test_a_reused_tracker_does_not_tell_either(lacks, tmp_path, cli):
    m = Machine(at=0x6000_0000)
    made = m.handover(PFNS)
    for node in made.nodes:
        m.memory[node] = bytes(m.page_size)
    del m.memory[made.blob if lacks == "blob" else made.chunks[0]]
    (tmp_path / "iomem").write_text(RAM)
    path = m.save(tmp_path)
    got = cli("validate", "--json", path, "--role", "in", "--memmap", tmp_path / "iomem")
    assert got.json["outcome"] is None


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


def test_a_damaged_tracker_of_which_the_image_lacks_the_rest(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    m.poke(made.tracker + 8, "<Q", m.put() + 8)
    del m.memory[made.nodes[0]]  # the only bitmap
    (h,) = read_inputs([str(m.save(tmp_path))]).handovers
    assert h.tracker == "gone"
    assert validate([str(m.save(tmp_path))]).outcome is None


def test_why_a_list_is_unread_is_said_of_the_list(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, subtrees=[("other", b"x")])
    set_root(m, made, "preserved-data", b"1234567", "other")
    m.poke(made.blob, "<I", 2)
    assert "HP302" in why_unread(read_inputs([str(m.save(tmp_path))]).handovers[0])


def test_a_rule_is_a_line_of_the_table(cli, tmp_path, monkeypatch):
    """What it carries is what decides, in all that is shown."""
    m = Machine(arch="x86_64")
    m.handover(PFNS)
    path = m.save(tmp_path)
    assert cli("validate", "--json", path).json["outcome"] == "replay"

    def toy(_handover, _kernel):
        found = finding(ROOT_ABSENT, "a toy stops it")
        return Decision("refused", found)

    monkeypatch.setattr(outcome, "RULES", (*outcome.RULES, toy))
    got = cli("validate", "--json", path)
    assert (got.code, got.json["outcome"], got.json["decided_by"]["code"]) == (
        1, "refused", ROOT_ABSENT.id,
    )  # fmt: skip
    assert "a toy stops it" in cli("validate", path).out
