"""Pictures: well-formed whatever the input says, told in words as well, nothing beyond the file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import Problem
from hwpkho.commands import decode
from hwpkho.report.decode import annotate
from hwpkho.report.parts import structure
from hwpkho.report.parts.memory import Memory, with_handover
from hwpkho.report.parts.to_scale import BAD, MEMORY, Marks, Run
from hwpkho.report.svg import markup
from hwpkho.report.svg import memory as drawing
from hwpkho.report.svg import structure as boxes
from tests.report.html.test_page import HOSTILE
from tests.support import FIXTURES, certain, replays
from tests.support import markup as read
from tests.support.examples import some
from tests.support.handovers import Machine

GOLDEN = FIXTURES / "screens"
GIB = 1 << 30


def _marks(kind, *pfns):
    return Marks(kind, pfn_set(pfns), [(p, p) for p in pfns], 4096)


def _memory(name="vm-a"):
    runs = [Run(i * GIB, (i + 1) * GIB - 1, kind) for i, kind in enumerate([*MEMORY, "ram", "ram"])]
    bad = [_marks(kind, (i << 18) + 5) for i, kind in enumerate(BAD)]
    return Memory(runs, bad, [_marks("owner-1", 9)], [_marks("efi", 7)], {"owner-1": name})


def _drawn(name: str = "vm-a") -> markup.Drawing:
    return certain(drawing.draw(_memory(name), "m"))


def _picture(*drawings: markup.Drawing, title: str = "x") -> read.Markup:
    return read.picture(markup.document(drawings, title))


def test_a_small_picture_is_what_it_was():
    """Look at it when it changes: it is fixtures/screens/memory.svg."""
    got = markup.document([_drawn()], "Memory of a machine")
    assert got == (GOLDEN / "memory.svg").read_text()


def test_every_kind_has_a_look_and_a_name():
    got = _picture(_drawn())
    style = markup.style()
    kinds = BAD | MEMORY
    assert [kind for kind in kinds if not re.search(rf"\.k-{kind}[ ,]", style)] == []
    assert [name for name in kinds.values() if name not in got.text] == []
    hatches = {p.attrib["id"] for p in got.all("pattern")}
    same = [("forgotten", "stays"), ("in-scratch", "replays"), ("ram", "in-use")]
    # Colours that some cannot tell apart.
    assert [pair for pair in same if not hatches & {f"m-{kind}" for kind in pair}] == []


def test_what_is_seen_is_said_in_words():
    drawn = _drawn()
    got = read.page(f"<!DOCTYPE html><title>x</title>{markup.inline(drawn, 'm')}")
    (svg,) = got.all("svg")
    assert svg.attrib["role"] == "img"
    assert got.dangling() == []
    assert all(f"1 {name.removeprefix('bad, ')}" in drawn.about for name in BAD.values())


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_never_markup(text):
    _hold(text)


@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_text_is_never_markup(text):
    _hold(text)


def _hold(text: str) -> None:
    def draw(said: str) -> read.Markup:
        found = structure.Structure(
            (structure.Box(0, said, [said]),), (Problem("HP201", "error", said),)
        )
        return _picture(_drawn(said), boxes.draw(found), title=said)

    got, plain = draw(text), draw("x")
    assert {e.tag for e in got.root.iter()} == {e.tag for e in plain.root.iter()}
    assert got.requests() == got.dangling() == got.scripts() == []


# The structure


def _of(name, *more):
    case = decode.decode([str(FIXTURES / "captures" / name / x) for x in more])
    return structure.of_handover(case.handovers[-1])


def test_structure_of_a_capture():
    found = _of("x86-structv1-small", "memory.elf", "debugfs-kho")
    titles = [box.title for box in found.boxes]
    assert titles == [
        "Root FDT", "Tracker", "hwpoison", "Chunk", "Array", "List", "memblock", "kexec-metadata",
        "Scratch",
    ]  # fmt: skip
    by_title = dict(zip(titles, found.boxes, strict=True))
    assert by_title["Chunk"].after is by_title["hwpoison"]
    assert by_title["Array"].after is by_title["Chunk"]
    assert by_title["List"].lines[0] == "37 pages"
    assert not any(box.problems for box in found.boxes)
    assert found.elsewhere == ()


#: What a kernel was fed → the structure that is marked, with the code.
BROKEN = [
    ("arm64-4k-B-c-count-big-past-array", "hwpoison", "HP301"),
    ("arm64-4k-B-d-version2", "hwpoison", "HP302"),
    ("arm64-4k-B-k-flags-unknown-bit", "hwpoison", "HP306"),
    ("arm64-4k-B-k-blob-size-missing", "hwpoison", "HP204"),
    ("arm64-4k-B-g-total-pages-0", "Chunk", "HP312"),
    ("arm64-4k-B-i-next-self", "Chunk", "HP309"),
    ("arm64-4k-B-i-next-outside", "Chunk", "HP311"),
    ("arm64-4k-B-j-unpreserved-array", "Array", "HP403"),
]


@pytest.mark.parametrize(("name", "title", "code"), BROKEN)
def test_what_is_broken_is_marked_with_its_code(name, title, code, tmp_path):
    case = decode.decode([str(replays.unpack(name, tmp_path))])
    found = structure.of_handover(case.handovers[-1])
    assert code in [c.split()[0] for b in found.boxes if b.title == title for c in b.codes()]
    assert found.elsewhere == ()
    got = _picture(boxes.draw(found))
    assert f"✕ {code}" in got.text or f"▲ {code}" in got.text
    assert any(
        "broken" in r.attrib["class"] or "doubtful" in r.attrib["class"] for r in got.all("rect")
    )


def test_an_array_of_blocks_is_as_large_as_they_are(tmp_path):
    """An entry stands for as many pages as the order says."""
    m = Machine(arch="x86_64")
    made = m.handover(range(0x1000, 0x1000 + 5000), order=3)
    case = decode.decode([str(m.save(tmp_path))])
    (h,) = case.handovers
    (array,) = (b for b in structure.of_handover(h).boxes if b.title == "Array")
    assert array.lines[0] == "16 pages in 2 blocks"
    assert array.spans == [(phys, 8 * 4096) for phys in made.pages]
    (own,) = (x for x in with_handover(Memory(), h, 4096).owners if x.kind == "handover")
    assert own.pfns.pages(made.pages[1] >> 12, (made.pages[1] >> 12) + 7) == 8
    text = "\n".join(annotate.lines(case.handovers, case.source))
    assert f"array block 0 (4096 live entries) at 0x{made.pages[0]:x}, 32768 bytes" in text
    assert f"array block 1 (904 live entries) at 0x{made.pages[1]:x}, 8192 bytes" in text
    assert f"0x{made.pages[1]:012x}  00200000 00000000                    pfns[4096] 0x2000" in text


def test_an_order_that_the_kernel_wraps_is_the_one_that_counts(tmp_path):
    """1 << 64 is 1 on arm64 and x86-64: the list is replayed."""
    m = Machine(arch="x86_64")
    made = m.handover(range(0x1000, 0x1000 + 600))
    m.poke(made.blob + 30, "<H", 64)
    case = decode.decode([str(m.save(tmp_path))])
    text = "\n".join(annotate.lines(case.handovers, case.source))
    assert f"array page 1 (88 live entries) at 0x{made.pages[1]:x}, 4096 bytes" in text


@pytest.mark.parametrize("name", some(replays.NAMES, 10))
def test_every_handover_that_a_kernel_was_fed(name, tmp_path):
    """Each error and warning is marked somewhere, or told below the picture."""
    (h,) = decode.decode([str(replays.unpack(name, tmp_path))]).handovers
    found = structure.of_handover(h)
    marked = {p for box in found.boxes for p in box.problems} | {*found.elsewhere}
    assert {p for p in h.problems if p.severity != "note"} <= marked
    _picture(boxes.draw(found))


def test_a_structure_that_is_not_there_is_told(tmp_path, cli):
    got = cli("decode", FIXTURES / "captures" / "x86-none" / "debugfs-kho", "--format", "svg")
    assert "no such subtree" in read.picture(got.out).text
