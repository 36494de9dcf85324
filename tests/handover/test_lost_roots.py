"""Root FDTs that should be in memory and are not: never passed over in silence."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt
from hwpkho.abi.scratch import build_scratch
from hwpkho.commands.capture import crop
from hwpkho.commands.validate import validate
from hwpkho.errors import InputError
from hwpkho.inputs.case import read_inputs
from hwpkho.judging.options import ValidateOptions
from tests.support import FIXTURES, captures, certain
from tests.support.examples import crossed
from tests.support.handovers import Machine, elf

DEFECT = FIXTURES / "defects" / "truth-damaged-outgoing-falls-back.elf.gz"
#: First boots with a copy of debugfs, of all page sizes and revisions.
FIRST = ["x86-structv1-small", "x86-fdtv1-small", "arm64-4k-A", "arm64-64k-B"]
PFNS = [0x1000, 0x2222, 0x1001]
PLACED = ("--at", "0x60000000", "--no-scratch")
ONES = b"\xff" * 4096


def _image(path, pages, name):
    path.write_bytes(elf(sorted(pages.items()), captures.truth(name)["arch"]))
    return str(path)


def _memory(name):
    """The memory of a capture by address, in the pieces that the tests change: whole pages."""
    return dict(captures.pages(name))


def _poked(pages, phys, data):
    page = phys & -4096
    at = phys - page
    pages[page] = pages[page][:at] + data + pages[page][at + len(data) :]


def _debugfs(name):
    return str(captures.CAPTURES / name / "debugfs-kho")


def _bad(handovers, *severities):
    return [p for h in handovers for p in h.problems if p.severity in (severities or ("error",))]


# --- a damaged outgoing root beside the consumed incoming one


@pytest.fixture
def defect(tmp_path):
    path = tmp_path / "memory.elf"
    path.write_bytes(gzip.decompress(DEFECT.read_bytes()))
    return str(path)


def test_a_damaged_outgoing_root_is_shown(defect, cli):
    got = cli("decode", "--json", defect)
    incoming, outgoing = got.json["handovers"]
    assert (incoming["role"], incoming["hwpoison"]["pfns"]) == ("in", None)
    assert (outgoing["role"], outgoing["root"]["phys"]) == ("out", 0x23A000)
    assert (incoming["unread"], outgoing["unread"]) == (False, True)
    assert got.code == 1
    assert [p["code"] for p in outgoing["problems"]] == ["HP201"]
    assert "HP319" in {p["code"] for p in incoming["problems"]}


def test_a_damaged_outgoing_root_is_what_counts(defect, cli):
    got = cli("validate", "--json", defect)
    assert (got.code, got.json["outcome"]) == (1, "refused")
    assert "ignore the whole handover" in got.json["headline"]


@pytest.mark.parametrize(
    "args",
    [
        ("decode", "--pfns"),
        ("merge", "-o", "-"),
        ("encode", *PLACED, "-o", "{out}"),
        ("diff", "{list}"),
    ],
)
def test_no_command_falls_back_in_silence(args, defect, cli, tmp_path):
    (tmp_path / "list").write_text("0x1\n")
    places = {"out": tmp_path / "out", "list": tmp_path / "list"}
    got = cli(args[0], *(a.format(**places) for a in args[1:]), defect)
    assert got.code == 3
    assert "HP201" in got.err
    assert "--role in" in got.err
    assert got.err.count("\n") == 1


def test_a_capture_of_it_says_the_same(defect, tmp_path):
    out = str(tmp_path / "captured.elf")
    crop([defect], out)
    before, after = (read_inputs([p]).handovers for p in (defect, out))
    assert [h.problems for h in before] == [h.problems for h in after]


def _second_boot():
    name = "x86-structv1-small-post"
    return name, _memory(name), captures.truth(name)["handovers"][1]


@given(st.integers(0, 352), st.integers(1, 255))
def test_no_damaged_byte_of_the_outgoing_root_is_passed_over(tmp_path, at, flip):
    """Whichever byte it is: the list is read as it was, or somebody is told."""
    name, pages, outgoing = _second_boot()
    phys = outgoing["root_phys"] + at
    old = captures.memory(name, phys, 1)[0]
    _poked(pages, phys, bytes([old ^ flip]))
    path = _image(tmp_path / "memory.elf", pages, name)
    try:
        handovers = read_inputs([path]).handovers
        judged = validate([path])
    except InputError:
        return
    newest = handovers[-1]
    if newest.role == "out" and newest.hwpoison and newest.hwpoison.pfns is not None:
        assert newest.hwpoison.pfns.tolist() == outgoing["pfns"]
        return
    assert _bad(handovers, "error", "warning")
    assert [f for f in judged.findings if f.severity != "note"]


def test_an_outgoing_root_that_is_overwritten_is_missed(tmp_path, cli, subtests):
    name, pages, outgoing = _second_boot()
    pages[outgoing["root_phys"]] = bytes(4096)
    path = _image(tmp_path / "memory.elf", pages, name)
    (h,) = read_inputs([path]).handovers
    assert h.role == "in"
    assert "HP217" in {p.code for p in _bad([h], "warning")}
    assert "was not found" in cli("validate", "--json", path).json["headline"]
    assert "HP319" in {p.code for p in h.problems}  # its pages were freed
    assert validate([path]).outcome is None
    early = _memory("x86-structv1-small-in-late")
    del early[captures.truth("x86-structv1-small-in-late")["handovers"][1]["root_phys"]]
    path = _image(tmp_path / "early.elf", early, name)
    for args in (("decode", "--pfns"), ("merge", "-o", "-"), ("encode", *PLACED)):
        with subtests.test(args[0]):
            got = cli(*args, *(["-o", tmp_path / "out"] if args[0] == "encode" else []), path)
            assert (got.code, "HP217" in got.err) == (0, True)


@pytest.mark.parametrize("lacks", [False, True])
def test_a_tracker_that_the_image_lacks_shows_no_running_kernel(lacks, tmp_path):
    m = Machine(at=0x1_0000, arch="x86_64")
    made = m.handover([0x50])
    m.boot_data(made, [(0x100_0000, 0x100_0000)])
    m.memory[made.nodes[0]] = bytes(m.page_size)
    if lacks:
        del m.memory[made.nodes[0]]
    (h,) = read_inputs([str(m.save(tmp_path))]).handovers
    assert h.role == "in"
    assert ("HP217" in {p.code for p in h.problems}) != lacks


@pytest.mark.parametrize("name", ["x86-structv1-small-post", "x86-empty-post"])
def test_an_outgoing_root_whose_tracker_is_overwritten_is_missed(name, tmp_path):
    """Its page is whole, but nothing marks it, as what an older chain of kernels left over."""
    pages, outgoing = _memory(name), captures.truth(name)["handovers"][1]
    pages[outgoing["memory_map"]] = bytes(4096)
    bad = _bad(read_inputs([_image(tmp_path / "memory.elf", pages, name)]).handovers, "warning")
    assert outgoing["root_phys"] in {p.phys for p in bad if p.code == "HP104"}
    assert "HP217" in {p.code for p in bad}


@pytest.mark.parametrize("name", captures.NAMES)
def test_copies_and_leftovers_are_no_damaged_roots(name, capture):
    """Second and third boots hold page-cache copies that debugfs cut, and older roots."""
    doubts = {"HP215", "HP216", "HP217"}
    found = {p.code for h in read_inputs([str(capture(name))]).handovers for p in h.problems}
    assert found & doubts == ({"HP217"} if name == "luo-small-in-late" else set())


def test_a_page_that_may_be_the_root_is_doubtful(tmp_path, cli):
    """Nothing marks it, and the tracker of the root that was read is gone."""
    m = Machine(arch="x86_64")
    first, second = m.handover([1], kexec_count=1), m.handover([2], kexec_count=2)
    for node in (*first.nodes, *second.nodes):
        m.memory[node] = bytes(4096)
    good = m.memory[second.root]
    m.poke(second.root + 12, ">I", 0x10B09101)
    path = str(m.save(tmp_path))
    (h,) = read_inputs([path]).handovers
    assert [p.phys for p in h.problems if p.code == "HP216"] == [second.root]
    assert "HP216" in cli("merge", "-o", "-", path).err
    m.memory[second.root] = good[:233].ljust(4096, b"\0")  # as debugfs cuts it
    assert "HP216" not in {p.code for p in _decode(tmp_path, m)[0].problems}


def _decode(folder, m, *more):
    return read_inputs([str(m.save(folder)), *map(str, more)]).handovers


@pytest.mark.parametrize(("offset", "value"), [(0, 0), (4, 8), (8, 7), (12, 9), (0x4C, 0x6B686F)])
def test_one_damaged_word_of_a_root(offset, value, tmp_path):
    m = Machine(arch="x86_64")
    first, second = m.handover([1], kexec_count=1), m.handover([2], kexec_count=2)
    for node in first.nodes:
        m.memory[node] = bytes(4096)
    m.boot_data(first, [(1 << 32, 1 << 24)])
    m.poke(second.root + offset, ">I", value)
    found = _decode(tmp_path, m)
    assert _bad(found, "error", "warning")
    if offset:  # else nothing begins like a root FDT there
        assert [(h.role, h.root.phys) for h in found] == [("in", first.root), ("out", second.root)]


# --- a damaged root beside a good copy


@pytest.mark.parametrize("name", ["x86-structv1-small-post", "x86-fdtv1-small-post"])
def test_a_second_boot_has_no_copy_of_its_root(name, tmp_path, cli):
    """debugfs has no out/fdt there: the copy's blob finds the list, and memory its damaged root."""
    outgoing = captures.truth(name)["handovers"][1]
    pages = _memory(name)
    good = _image(tmp_path / "good.elf", pages, name)
    assert "HP217" not in cli("decode", "--json", good, _debugfs(name)).out
    pages[outgoing["root_phys"]] = bytes(4096)
    path = _image(tmp_path / "memory.elf", pages, name)
    found = read_inputs([path, _debugfs(name)]).handovers
    assert "HP217" in {p.code for p in _bad(found, "warning")}
    judged = cli("validate", "--json", path, _debugfs(name))
    assert "was not found" in judged.json["headline"]
    assert "HP217" in cli("decode", "--pfns", path, _debugfs(name)).err
    assert "HP217" in cli("merge", "-o", "-", f"{path}+{_debugfs(name)}").err


@pytest.mark.parametrize(
    ("name", "subtree", "code", "severity"),
    [
        ("x86-structv1-small", "kexec-metadata", "HP206", "warning"),
        ("x86-structv1-small-post", "hwpoison", "HP205", "error"),
        ("x86-fdtv1-small-post", "hwpoison", "HP205", "error"),
        ("x86-fdtv1-small-post", "memblock", "HP206", "warning"),
    ],
)
def test_an_address_of_no_memory_beside_a_good_copy(name, subtree, code, severity, tmp_path):
    """The copy of the root FDT is cut before it, or is none; the next kernel goes by memory."""
    handover = captures.truth(name)["handovers"][-1]
    phys = next(s["phys"] for s in handover["subtrees"] if s["name"] == subtree)
    pages, root = _memory(name), handover["root_phys"]
    at = pages[root].index(struct.pack("<Q", phys)) + 7
    _poked(pages, root + at, b"\x10")
    path = _image(tmp_path / "memory.elf", pages, name)
    found = read_inputs([path, _debugfs(name)]).handovers
    assert code in {p.code for p in _bad(found, severity)}
    lists = [h.hwpoison.pfns for h in found if h.role == "out" and h.hwpoison]
    assert lists
    assert (severity == "error") == (lists[-1] is None)


@pytest.mark.parametrize(("name", "what"), crossed(FIRST, ["zeros", "ones", "magic", "half"], 2))
def test_the_copy_is_not_believed(name, what, tmp_path, cli, subtests):
    root = captures.truth(name)["handovers"][0]["root_phys"]
    pages = _memory(name)
    page = pages[root]
    pages[root] = {
        "zeros": bytes(4096),
        "ones": ONES,
        "magic": b"\xd1" + page[1:],
        "half": page[:120] + b"\xaa" * 3976,
    }[what]
    path = _image(tmp_path / "memory.elf", pages, name)
    for args in ([path, _debugfs(name)], [_debugfs(name), path]):
        with subtests.test(f"{args[0]} first"):
            got = cli("decode", "--json", *args)
            assert got.code in (1, 3)
            if got.code == 1:
                assert "HP215" in {p["code"] for h in got.json["handovers"] for p in h["problems"]}
                judged = cli("validate", "--json", *args)
                assert (judged.code, judged.json["outcome"]) == (1, "refused")


@given(st.integers(0, 352), st.integers(1, 255))
def test_no_damaged_byte_of_a_root_is_hidden_by_its_copy(tmp_path, at, flip):
    name = FIRST[0]
    want = captures.truth(name)["handovers"][0]
    pages = _memory(name)
    phys = want["root_phys"] + at
    _poked(pages, phys, bytes([captures.memory(name, phys, 1)[0] ^ flip]))
    path = _image(tmp_path / "memory.elf", pages, name)
    try:
        handovers = read_inputs([path, _debugfs(name)]).handovers
    except InputError:
        return
    if _bad(handovers):
        return
    # Then memory is read as a kernel reads it, and says the same.
    (h,) = handovers
    assert certain(h.root).phys == want["root_phys"]
    assert certain(certain(h.hwpoison).pfns).tolist() == want["pfns"]


@pytest.mark.parametrize("name", FIRST)
def test_what_the_image_lacks_is_not_destroyed(name, tmp_path):
    want = captures.truth(name)
    pages = _memory(name)
    for at in range(0, want["page_size"], 4096):
        pages.pop(want["handovers"][0]["root_phys"] + at, None)
    path = _image(tmp_path / "memory.elf", pages, name)
    (h,) = read_inputs([path, _debugfs(name)]).handovers
    assert not _bad([h])
    assert certain(certain(h.hwpoison).pfns).tolist() == want["handovers"][0]["pfns"]


@pytest.mark.parametrize(
    ("what", "data"),
    [
        *((w, d) for w in ("blob", "chunk", "array", "tracker") for d in (bytes(4096), ONES)),
        ("bitmap", bytes(4096)),  # with ones it marks more than it must, which is no error
    ],
)
def test_other_pages_destroyed_beside_a_copy(what, data, tmp_path):
    name = FIRST[0]
    want = captures.truth(name)["handovers"][0]
    h = read_inputs([_image(tmp_path / "good.elf", _memory(name), name)]).handovers[0]
    phys = {
        "blob": next(s["phys"] for s in want["subtrees"] if s["name"] == "hwpoison"),
        "chunk": want["chunks"][0],
        "array": certain(certain(h.hwpoison).pages)[0],
        "tracker": want["memory_map"],
        "bitmap": certain(h.walk).nodes[-1],
    }[what]
    pages = _memory(name)
    pages[phys & -4096] = data
    path = _image(tmp_path / "memory.elf", pages, name)
    try:
        found = read_inputs([path, _debugfs(name)]).handovers
    except InputError:
        return
    if what == "array":  # any words are PFNs; no copy holds the list
        assert certain(certain(found[0].hwpoison).pfns).tolist() != want["pfns"]
        return
    assert _bad(found)
    assert validate([path, _debugfs(name)]).outcome in ("crash", "dropped", "refused")


def test_a_capture_of_image_and_copy_says_the_same(tmp_path, subtests):
    name = FIRST[0]
    root = captures.truth(name)["handovers"][0]["root_phys"]
    for data in (bytes(4096), b"\xd1" + captures.pages(name)[root][1:]):
        with subtests.test(f"begins with {data[0]:x}"):
            pages = _memory(name)
            pages[root] = data
            path = _image(tmp_path / "memory.elf", pages, name)
            out = str(tmp_path / "captured.elf")
            crop([path, _debugfs(name)], out, force=True)
            assert [p.code for p in _bad(read_inputs([out]).handovers)] == ["HP215"]


# --- what a boot loader named


def test_a_root_that_handover_json_names_counts(tmp_path):
    m = Machine()
    made, other = m.handover(PFNS), m.handover([7])
    array = m.put(build_scratch([(1 << 32, 1 << 24)]))
    m.memory[made.root] = bytes(4096)
    for phys, data in m.memory.items():
        (tmp_path / f"0x{phys:x}.bin").write_bytes(data)
    told: dict[str, Any] = {"kho_fdt": [made.root, 4096], "page_size": 4096}
    told["kho_scratch"] = [array, 16]
    (tmp_path / "handover.json").write_text(json.dumps(told))
    judged = validate([str(tmp_path)])
    assert judged.outcome == "refused"
    told["kho_fdt"][0] = other.root
    (tmp_path / "handover.json").write_text(json.dumps(told))
    assert validate([str(tmp_path)]).outcome == "replay"


def test_setup_data_that_names_no_root_any_more(tmp_path):
    m = Machine(arch="x86_64")
    gone, left = m.handover(PFNS, kexec_count=2), m.handover([7], kexec_count=1)
    m.boot_data(gone, [(1 << 32, 1 << 24)])
    m.memory[gone.root] = bytes(4096)
    (h,) = _decode(tmp_path, m)
    assert h.root.phys == left.root
    assert [p.phys for p in h.problems if p.code == "HP216"] == [gone.root]
    del m.memory[gone.root]  # what the image lacks says nothing
    assert "HP216" not in {p.code for p in _decode(tmp_path, m)[0].problems}


def test_setup_data_of_an_older_boot_says_nothing(tmp_path):
    m = Machine(arch="x86_64")
    old, now = m.handover([1], kexec_count=1), m.handover([2], kexec_count=2)
    m.boot_data(old, [(1 << 32, 1 << 24)])
    m.boot_data(now, [(1 << 32, 1 << 24)])
    m.memory[old.root] = bytes(4096)
    (h,) = _decode(tmp_path, m)
    assert (h.root.phys, h.role) == (now.root, "in")
    assert "HP216" not in {p.code for p in h.problems}


# --- a running second kernel


def test_a_reused_tracker_is_no_predicted_panic(capture):
    """Real: stopped at hwpoison_kho_init, when the tracker's root page holds something else."""
    path = str(capture("luo-small-in-late"))
    (h,) = read_inputs([path]).handovers
    assert (h.role, h.tracker) == ("in", "gone")
    assert [p.severity for p in h.problems if p.code == "HP401"] == ["note"]
    judged = validate([path])
    assert judged.outcome == "replay"
    assert not {f.code for f in judged.findings} & {"HP402", "HP419"}
    assert judged.count("error") == 0


@pytest.mark.parametrize("page", [b"", b"\xff" * 4096, struct.pack("<512Q", *range(1, 513))])
def test_what_only_a_running_kernel_has_freed(page, tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, subtrees=[("LUO", b"luo-v5\0".ljust(32, b"\0"))])
    luo = next(s.phys for s in made.subtrees if s.name == "LUO")
    m.memory[made.tracker] = page.ljust(4096, b"\0")
    assert _decode(tmp_path, m)[0].role is None  # LUO is there: nothing tells the role
    m.memory[certain(luo)] = b"text" * 1024
    assert _decode(tmp_path, m)[0].role == "in"
    path = str(m.save(tmp_path))
    assert validate([path]).outcome == "replay"


def test_a_damaged_tracker_of_a_handover_that_is_still_to_come(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, subtrees=[("LUO", b"luo-v5\0".ljust(32, b"\0"))])
    m.memory[made.tracker] = b"\xff" * 4096
    path = str(m.save(tmp_path))
    every = [ValidateOptions(role=role) for role in (None, "out", "in")]
    assert [validate([path], options).outcome for options in every] == ["crash", "crash", "replay"]


# --- copies beside memory


def test_an_out_with_nothing_but_an_empty_file_joins_its_image(capture, cli, subtests):
    """Real: reading the file of a subtree that points nowhere killed the reader."""
    name = "arm64-4k-emptied-gen2"
    args = [capture(name), _debugfs(name)]
    shown = cli("decode", "--json", *args).json["handovers"]
    want = captures.truth(name)["handovers"]
    assert [(h["role"], h["root"]["phys"]) for h in shown] == [
        (w["role"], w["root_phys"]) for w in want
    ]
    assert "HP106" in {p["code"] for p in shown[1]["problems"]}
    for role in ([], ["--role", "out"]):
        with subtests.test(str(role)):
            judged = cli("validate", "--json", *role, *args)
            assert (judged.code, judged.json["outcome"]) == (1, "crash")


def test_an_out_whose_names_are_another_kernels_joins_nothing(capture, tmp_path):
    name = "arm64-4k-emptied-gen2"
    folder = tmp_path / "kho"
    shutil.copytree(_debugfs(name), folder)
    (folder / "out" / "sub_fdts" / "memblock").write_bytes(b"")
    found = read_inputs([str(capture(name)), str(folder)]).handovers
    assert [h.role for h in found] == ["in", "out", "out"]


def test_luo_is_copied_before_it_is_serialized(capture):
    """Real: the image was taken inside reboot(KEXEC), the copy before."""
    name = "luo-huge"
    (h,) = read_inputs([str(capture(name)), _debugfs(name)]).handovers
    assert h.role == "out"
    assert [p.severity for p in h.problems if p.code == "HP108"] == ["note"]
    (true,) = (t["pfns"] for t in captures.truth(name)["handovers"][:1])
    assert certain(certain(h.hwpoison).pfns).tolist() == true


def test_luo_that_differs_otherwise_is_of_another_machine(capture, tmp_path):
    name = "luo-huge"
    folder = tmp_path / "kho"
    shutil.copytree(_debugfs(name), folder)
    path = folder / "out" / "sub_fdts" / "LUO"
    path.write_bytes(path.read_bytes()[:8] + b"\x07" + path.read_bytes()[9:])
    with pytest.raises(InputError, match="not one machine at one moment"):
        read_inputs([str(capture(name)), str(folder)])


def test_magic_of_a_root_is_what_fdt_has():
    assert (
        captures.pages(FIRST[0])[captures.truth(FIRST[0])["handovers"][0]["root_phys"]][:4]
        == fdt.MAGIC
    )
