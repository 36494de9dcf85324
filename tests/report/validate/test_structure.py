"""Boxes of a judgement: bad pages and findings mark what they are in, an EFI table is drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwpkho.codes import problem, root
from hwpkho.commands import validate
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.options import ValidateOptions
from hwpkho.judging.result import finding, of_problem
from hwpkho.report.validate import structure
from tests.support import FIXTURES, certain, markup
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN

EFI = FIXTURES / "efi" / "captures"
LUO = FIXTURES / "luo"
#: Of LUO's own pages, and of its file's, where each is drawn.
OWN = {
    "flbs": "LUO", "sessions": "LUO", "files": "LUO", "memfd": 'Session "vm"',
    "array": 'Session "vm"', "chunk": 'Session "vm"', "blob": "LUO",
}  # fmt: skip


def _boxes(*specs, **options):
    judged = validate.validate([*map(str, specs)], ValidateOptions(**options))
    return certain(structure.of(judged)).boxes


def _told(boxes):
    return {box.title: [x.split()[0] for x in box.codes()] for box in boxes if box.problems}


def _made(tmp_path, pick, sessions=1):
    """Return the boxes of a machine whose list has the page that ``pick`` returns."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000, gap=0))
    names = ["vm", *(f"vm-{i}" for i in range(1, sessions))]
    files = [made.memfd([(PFN + 16 * i, 0, 0)]) for i in range(sessions)]
    blob = made.blob([made.session(n, [(1, f)]) for n, f in zip(names, files, strict=True)])
    where = made.handover(blob, pfns=[1])
    made.machine.poke(where.pages[0], "<Q", pick(made, where))
    (tmp_path / "iomem").write_text(IOMEM)
    return _boxes(made.machine.save(tmp_path), memmaps=(str(tmp_path / "iomem"),))


@pytest.mark.parametrize("what", OWN)
def test_a_bad_page_of_luos_own_marks_what_it_is_part_of(what, tmp_path):
    def pick(made, where):
        (blob,) = [s.phys for s in where.subtrees if s.name == "LUO"]
        return (blob if what == "blob" else made.places[what][0]) >> 12

    code = "HP924" if what == "blob" else "HP923"
    assert _told(_made(tmp_path, pick)) == {OWN[what]: [code]}


def test_a_bad_page_of_a_guest_marks_its_session(tmp_path):
    assert _told(_made(tmp_path, lambda *_: PFN)) == {'Session "vm"': ["HP920"]}
    assert _told(_made(tmp_path, lambda *_: PFN + 16 * 5, 6)) == {"2 more sessions": ["HP920"]}


def test_bad_pages_of_the_handover_itself_mark_their_boxes(tmp_path):
    found = _told(_made(tmp_path, lambda _, where: where.pages[0] >> 12))
    assert found == {"Array": ["HP602"]}
    found = _told(_made(tmp_path, lambda _, where: where.chunks[0] >> 12))
    assert found == {"Chunk": ["HP609"]}


def test_every_box_that_pages_of_one_finding_are_in_is_marked():
    """A finding names the first and the last of its pages, which are in both guests here."""
    found = _told(_boxes(LUO / "luo-poison"))
    assert found == {f'Session "vm-{x}"': ["HP923", "HP920"] for x in "ab"}


def test_files_of_sessions_not_written_yet_are_a_box():
    titles = {box.title: box.lines for box in _boxes(LUO / "luo-small-unserialised")}
    assert titles["Sessions not written"] == ["6 files"]  # and an empty one, which no page leads to


@pytest.mark.parametrize(
    ("consumer", "state", "why"),
    [
        ("a", "read", ""),
        ("d2", "ignored", "ignored: efi: Ignoring poisoned-memory table with version 0"),
        ("none", "ignored", "ignored: kernel without the feature"),
    ],
)
def test_a_table_is_drawn_whatever_becomes_of_it(consumer, state, why, cli):
    (box,) = _boxes(EFI / "a-gen1", consumer_efi=consumer)
    assert (box.title, box.state, box.why) == ("EFI table", state, why)
    assert box.lines[:3] == ["0x1e278f98", "list", "16 entries"]
    got = cli("validate", EFI / "a-gen1", "--consumer-efi", consumer, "--format", "html")
    page = markup.page(got.out)
    assert "The EFI table" in [e.text for e in page.all("h2")]
    (row,) = page.rows("1 structure")
    assert why in row[1]
    picture = page.all("svg")[-1]
    drawn = " ".join(e.text or "" for e in markup.Markup(picture, "").all("text"))
    assert why in drawn


def test_units_of_a_table_that_is_ignored_are_on_the_picture_of_memory(cli):
    bad = sum(b - a for a, b in certain(_judged(EFI / "a-gen1").efi).table.ranges())
    assert bad
    got = markup.picture(cli("validate", EFI / "a-gen1", "--format", "svg").out)
    assert "called bad by the EFI table, which is ignored" in got.text
    assert [e for e in got.all("path") if e.attrib.get("class") == "k-efi"]


def _judged(*specs):
    return validate.validate([*map(str, specs)], ValidateOptions(case=CaseOptions()))


def test_a_table_beside_a_handover_is_a_box_of_its_own():
    boxes = _boxes(EFI / "b-kho-gen1")
    assert {"Root FDT", "List", "EFI table"} <= {box.title for box in boxes}
    assert next(b for b in boxes if b.title == "EFI table").lines[-1] == "accepted by d2"


def test_a_bare_list_has_no_structure(tmp_path):
    (tmp_path / "list").write_text("0x10\n")
    assert structure.of(_judged(tmp_path / "list")) is None


def test_a_finding_that_decode_has_stands_once():
    told = [[(p.code, p.message) for p in box.problems] for box in _boxes(EFI / "b-kho-gen1")]
    assert [problems for problems in told if len({*problems}) != len(problems)] == []


def test_a_finding_in_the_words_of_another_problem_is_not_that_problem(subtests):
    judged = _judged(EFI / "b-kho-gen1")
    handover = certain(judged.handover)
    read = problem(root.DAMAGED, "the same words", certain(handover.root).phys)
    rule = finding(root.DAMAGED, read.message, phys=read.phys)
    judged = replace(judged, handover=handover._replace(problems=(read,)))
    for findings, times in (((of_problem(read, "warning"),), 1), ((of_problem(read), rule), 2)):
        with subtests.test(str(times)):
            boxes = certain(structure.of(replace(judged, findings=findings))).boxes
            assert sum(p.message == read.message for box in boxes for p in box.problems) == times
