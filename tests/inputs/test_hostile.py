"""Inputs that claim far more than they hold: bounded time, bounded memory, one clear line."""

from __future__ import annotations

import json
import os
import re
import struct
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt, luo, vmalloc
from hwpkho.abi.hwpoison import HwpoisonBlob, struct_v1
from hwpkho.abi.memfd import MemfdSer
from hwpkho.batch import manifest
from hwpkho.errors import HwpkhoError
from hwpkho.inputs.case import CaseOptions, read_inputs
from hwpkho.report.decode import annotate
from hwpkho.report.decode import json as decode_json
from hwpkho.report.decode import text as decode_text
from hwpkho.report.parts import jsondoc
from tests.support import FIXTURES, captures, forked, hostile
from tests.support.examples import much, some
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator

#: Cases whose texts are long or hostile; a report of the others costs as much as their document.
_TEXTS = {
    "radix nodes share a child", "segments over the same bytes",
    "names of escapes", "long compatibles", "tables pointing at each other",
    "chunks that are array pages", "root FDTs of NOPs", "100 roots with big trackers",
}  # fmt: skip
#: Coverage's tracer makes a line of Python three times as dear.
MAX_CPU, MAX_PEAK = 3.0 if sys.gettrace() else 1.0, 200 << 20


@pytest.mark.parametrize("name", some(hostile.CASES, 8))
def test_work_is_bounded_by_the_bytes(name, tmp_path):
    make, args = hostile.CASES[name]
    data = make()
    assert len(data) <= hostile.LIMIT + (128 << 10)
    path = tmp_path / "input"
    path.write_bytes(data)
    cost = forked.within(MAX_CPU, "decode", "--json", *args, path)
    assert cost.code in (0, 1, 3), cost.err
    assert cost.peak < MAX_PEAK
    if cost.code == 3:
        assert cost.out == b""
        assert cost.err.count(b"\n") == 1
    else:
        assert json.loads(cost.out)["handovers"]


@pytest.mark.parametrize(
    "name",
    [
        name if name in _TEXTS else pytest.param(name, marks=pytest.mark.slow)
        for name in hostile.CASES
    ],
)
def test_reports_are_short(name, cli, tmp_path):
    make, args = hostile.CASES[name]
    path = tmp_path / "input"
    path.write_bytes(make())
    got = cli("decode", *args, path)
    assert "\x1b" not in got.out + got.err
    assert max(map(len, got.out.split("\n"))) < 1000


def _decode(path):
    """Do everything that decode can do; whatever is wrong is said in one line."""
    try:
        _all_of_it(path)
    except HwpkhoError as error:
        complaint = str(error)
    else:
        return
    assert "\n" not in complaint
    assert len(complaint) < 2000


def _all_of_it(path):
    case = read_inputs([str(path)], CaseOptions())
    for _ in jsondoc.pieces(decode_json.SCHEMA, decode_json.body(case.handovers).items()):
        pass
    decode_text.report(case.handovers)
    if case.source:
        for _ in annotate.lines(case.handovers, case.source):
            pass
        case.source.close()


#: (offset, bytes) to overwrite; offsets count from interesting places, see _mutated().
PATCHES = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.integers(0, (1 << 64) - 1).map(lambda n: struct.pack("<Q", n)),
            st.sampled_from([0, 1, 2**16 - 1, 2**31, 2**32 - 1, 2**63]).map(
                lambda n: struct.pack(">I", n & 0xFFFFFFFF)
            ),
        ),
    ),
    min_size=1,
    max_size=8,
)
NAMES = ["x86-structv1-small", "arm64-4k-A", "x86-fdtv1-small", "x86-structv1-small-post"]


def _targets(name):
    """Return file offsets of the structures of a capture: most of an image matters to nobody."""
    image = captures.elf(name)
    places = [range(64), range(64, 400)]
    phoff, phnum = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    loads = [struct.unpack_from("<IIQQQQQQ", image, phoff + 56 * i) for i in range(phnum)]

    def file_range(phys, size):
        at = next(
            (p[2] + phys - p[4] for p in loads if p[0] == 1 and p[4] <= phys < p[4] + p[5]), None
        )
        if at is not None:
            places.append(range(at, at + size))

    for h in captures.truth(name)["handovers"]:
        file_range(h["root_phys"], 360)
        file_range(h["memory_map"], 64)
        for s in h.get("subtrees", ()):
            file_range(s["phys"], min(s["size"], 128))
        for chunk in h.get("chunks", ()):
            file_range(chunk, 64)
    return places


@given(st.sampled_from(NAMES), PATCHES, st.integers(0, 1 << 20))
def test_mutated_captures(tmp_path_factory, name, patches, choice):
    image = bytearray(captures.elf(name))
    places = _targets(name)
    for number, (offset, data) in enumerate(patches):
        place = places[(choice + number) % len(places)]
        at = place[offset % len(place)]
        image[at : at + len(data)] = data
    path = tmp_path_factory.getbasetemp() / f"mutated-{os.getpid()}"
    path.write_bytes(image)
    _decode(path)


@given(st.sampled_from(NAMES), st.floats(0, 1))
def test_truncated_captures(tmp_path_factory, name, part):
    image = captures.elf(name)
    path = tmp_path_factory.getbasetemp() / f"cut-{os.getpid()}"
    path.write_bytes(image[: int(len(image) * part)])
    _decode(path)


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x7fELF", b"\xd0\x0d\xfe\xed", b"\1\0\0\0"])
)
def test_random_files(tmp_path_factory, data, magic):
    path = tmp_path_factory.getbasetemp() / f"random-{os.getpid()}"
    path.write_bytes(magic + data)
    _decode(path)


#: 16 Mi PFNs in ten bytes.
BOMB = "0-0xfffffe"
AT = ("--at", "0x200000000", "--no-scratch")
RANGES = json.dumps({"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [[0, 0xFFFFFE]]})


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["validate", "bomb", "--json"], 0),
        (["validate", "json", "--memmap", "iomem"], 1),
        (["diff", "bomb", "json"], 0),
        (["diff", "bomb", "empty", "bomb"], 1),
        (["diff", "bomb", "empty", "--plain", "--memmap", "iomem"], 1),
        (["merge", "bomb", "json", "--provenance"], 0),
        (["merge", "bomb", "json", *["other"] * 9, "--provenance", "--exclude", "odd"], 0),
        (["merge", "bomb", "--memmap", "iomem", "--provenance", "--first-seen"], 0),
        (["merge", "bomb", "json", "--intersect", "--exclude", "bomb"], 0),
        (["merge", "bomb", "--to-page-size", "65536", "--exclude", "bomb"], 3),
        (["merge", "bomb", "high"], 3),
        (["validate", "too-long"], 3),
        (["encode", "many", "--to", "list", "-o", "out"], 0),
        (["encode", "many", *AT, "-o", "out"], 0),
        *(
            pytest.param(
                ["encode", "many", "--to", to, "--ram", "0:4T", "--no-scratch", "-o", "out"],
                0,
                marks=pytest.mark.slow,  # of the same array
            )
            for to in ("blob", "segments")
        ),
        (["encode", "bomb", "--to", "blob", *AT, "-o", "out"], 0),
        (["encode", "huge", "--to", "list", "-o", "out"], 3),
        (["encode", "huge", *AT, "-o", "out"], 3),
        (["list", "huge", "--pfns"], 3),
        (["merge", "many", "--json"], 0),
        (["diff", "many", "empty", "--json"], 1),
    ],
)
def test_ranges_stay_ranges(args, code, tmp_path):
    """A range costs what a range does; the array that encode makes of it takes 8 bytes a PFN."""
    files = {
        "bomb": BOMB,
        "json": RANGES,
        "empty": "# none\n",
        "high": "0x1000000-0x1000001",
        "many": f"0-{much(0x3FFFF, 0xFFFFF):#x}",
        "odd": " ".join(f"{i}-{i + 5}" for i in range(0, 9000, 9)),
        "other": "0x900000-0xffffff, 5-0x2aaaaa # c\n0x10",
        "too-long": "0-0xffffffffffffffff",
        "huge": "cutmem 3G 4T\n",
        "iomem": "00001000-0009ffff : System RAM\n00100000-1fffffff : System RAM\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    named = [str(tmp_path / a) if a in files or a == "out" else a for a in args]
    cost = forked.within(5, *named)
    assert cost.code == code, cost.err
    assert cost.peak < 60 << 20
    if code == 3:
        assert cost.err.count(b"\n") == 1


RAM_LINE = b"[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable\n"


@pytest.mark.parametrize("at", [[0], [8 << 40], [0, (4 << 40) + 12345, (8 << 40) - 1000]])
def test_holes_of_a_log_are_skipped(at, tmp_path):
    """8 TiB in which a few lines stand: at the beginning, at the end, in between."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(8 << 40)
        for place in at:
            file.seek(place - len(RAM_LINE) if place == 8 << 40 else place)
            file.write(b"\n" * bool(place) + RAM_LINE[bool(place) :])
    cost = forked.within(5, "memmap", log, "--json")
    assert cost.code == 0, cost.err
    assert cost.peak < MAX_PEAK


@pytest.mark.parametrize("order", [22, 31])
@pytest.mark.parametrize("what", ["hwpoison", "kho_test", "memfd"])
def test_an_array_in_a_hole_costs_nothing(what, order, tmp_path):
    """An entry stands for as many pages as its order says, and a hole holds as many zeros."""
    m, at, count = Machine(arch="x86_64"), 1 << 44, 1 << 30
    chunk = m.put(vmalloc.Chunk(0, array("Q", [at])).build(4096))
    area = vmalloc.KhoVmalloc(chunk, 1 << order, 2, order)
    if what == "hwpoison":
        made = m.handover()
        m.memory[made.blob] = struct_v1.build(HwpoisonBlob("struct-v1", 1, count, area), 4096)
    elif what == "kho_test":
        number = fdt.Property("nr_folios", struct.pack("<I", count), 0)
        data = fdt.Node("data", 0, [number, fdt.Property("folios_info", area.build(), 0)])
        m.handover(subtrees=[("kho_test", fdt.build(fdt.Node("", children=[data])))])
    else:
        o = Orchestrator(m)
        file = o.page("memfd", MemfdSer(0, 1 << 50, 0, 0, count // 2, area).build())
        o.handover(o.blob([o.session("vm", [(0, file)])]))
    folder = tmp_path / "memory"
    folder.mkdir()
    for phys, raw in m.memory.items():
        (folder / f"0x{phys:x}.bin").write_bytes(raw)
    with (folder / f"0x{at:x}.bin").open("wb") as hole:
        hole.truncate(count * 8)
    cost = forked.within(MAX_CPU, "decode", folder)
    assert cost.code == {"hwpoison": 3, "kho_test": 0, "memfd": 1}[what], cost.err
    assert cost.peak < MAX_PEAK
    assert b"is more than the" in b" ".join((cost.out + cost.err).split())


@pytest.mark.parametrize(
    "what", ["kho_test", "memfd", pytest.param("memfds", marks=pytest.mark.slow)]
)
def test_an_array_that_is_a_hole_ends_where_the_kernel_has_enough(what, tmp_path, subtests):
    """Entries without a PFN, as many as are read."""
    m, at, files = Machine(arch="x86_64"), 0x40_0000_0000, 3 if what == "memfds" else 1
    o, listed = Orchestrator(m), list[tuple[int, int]]()
    for n in range(files):
        chunk = o.page("chunk", vmalloc.Chunk(0, array("Q", [at + (n << 30)])).build(4096))
        o.blocks.append((at + (n << 30), 18))
        area = vmalloc.KhoVmalloc(chunk, 1 << 18, 1, 18)
        if what == "kho_test":
            number = fdt.Property("nr_folios", struct.pack("<I", 1 << 27), 0)
            data = fdt.Node("data", 0, [number, fdt.Property("folios_info", area.build(), 0)])
            blob = fdt.build(fdt.Node("", children=[data]))
            m.handover(subtrees=[("kho_test", blob)], mark=lambda blocks: blocks + o.blocks)
        else:
            listed.append((n, o.page("memfd", MemfdSer(0, 1 << 38, 0, 0, 1 << 26, area).build())))
    if listed:
        o.handover(o.blob([o.session("vm", listed)]))
    folder = tmp_path / "memory"
    folder.mkdir()
    for phys, raw in m.memory.items():
        (folder / f"0x{phys:x}.bin").write_bytes(raw)
    for n in range(files):
        with (folder / f"0x{at + (n << 30):x}.bin").open("wb") as hole:
            hole.truncate(1 << 30)
    for args in (["--json"], ["--annotate"]):
        with subtests.test(args[0]):
            cost = forked.within(MAX_CPU, "decode", *args, folder)
            assert cost.code == 0, cost.err
            assert cost.peak < MAX_PEAK
            if listed and args == ["--json"]:
                (h,) = json.loads(cost.out)["handovers"]
                told = [p["message"] for p in h["problems"] if p["code"] == "HP907"]
                assert len(told) == files
                assert [m for m in told if "its array is not read from entry" not in m] == []


def test_memory_that_is_a_hole_is_not_searched_for_files(tmp_path):
    """A page of the tracker marks 128 MiB, all of which may hold a memfd of LUO's."""
    m, at, leaves = Machine(arch="x86_64"), 0x40_0000_0000, much(64, 600)
    o = Orchestrator(m)
    made = o.handover(luo.Luo(luo.COMPATIBLE, 1, 0, 0).build())
    marked = [(at + (n << 27), 0) for n in range(leaves)]
    tracker, nodes = m.tracker(made.blocks + marked, 4)
    first_only = b"\1".ljust(4096, b"\0")
    full = {phys: b"\xff" * 4096 for phys, page in nodes.items() if page == first_only}
    assert len(full) == leaves
    m.memory |= nodes | full
    m.swap(made.root, struct.pack("<Q", made.tracker), struct.pack("<Q", tracker))
    folder = tmp_path / "memory"
    folder.mkdir()
    for phys, raw in m.memory.items():
        (folder / f"0x{phys:x}.bin").write_bytes(raw)
    with (folder / f"0x{at:x}.bin").open("wb") as hole:
        hole.truncate(leaves << 27)
    cost = forked.within(MAX_CPU, "decode", "--json", folder)
    assert cost.code == 0, cost.err
    assert cost.peak < MAX_PEAK
    (h,) = json.loads(cost.out)["handovers"]
    assert h["luo"]["state"] == "not-serialized"


@pytest.mark.parametrize("line", [b"0x1\n", b"{}" + b" " * 70 + b"\n"])
def test_a_list_with_a_hole_is_refused_at_its_beginning(line, tmp_path):
    path = tmp_path / "list"
    path.write_bytes(line * 1400)
    os.truncate(path, 400 << 20)
    cost = forked.run("validate", path)
    assert (cost.code, cost.err.count(b"\n")) == (3, 1)
    assert b"line 1401" in cost.err or b"a NUL byte at offset 102200" in cost.err
    assert cost.peak < 60 << 20


@pytest.mark.parametrize(
    "text",
    [
        "a." * 40_000 + "a = 1",
        "[" + "a . " * 20_000 + "a]",
        '[[accept]]\nx = {"a"' + '."a"' * 20_000 + "= 1}",
        '# "\n' + "a.b.c.d.e.f.g.h.i = 1\n" + '# "',
        "".join(f"k{i} = 1\n" for i in range(120_000)),
        "x = " + "[" * 100_000,
    ],
    ids=["key", "table", "inline", "behind a comment", "keys", "nested"],
)
def test_a_baseline_that_costs_more_than_its_bytes(text, tmp_path):
    (tmp_path / "list").write_text("0x1")
    (tmp_path / "baseline").write_text(text)
    args = ["validate", str(tmp_path / "list"), "--baseline", str(tmp_path / "baseline")]
    cost = forked.within(1.5, *args)
    assert (cost.code, cost.out, cost.err.count(b"\n")) == (3, b"", 1)
    assert cost.peak < 80 << 20


@pytest.mark.parametrize("line", ["x", "{}", '{"case": 1}', '{"case": "a", "inputs": []}'])
def test_a_manifest_of_bad_lines_is_one_line(line, tmp_path):
    path = tmp_path / "manifest"
    path.write_text(f"{line}\n" * much(1 << 17, 2 << 20))
    cost = forked.within(2, "validate", "--batch", path)
    assert (cost.code, cost.out, cost.err.count(b"\n")) == (3, b"", 1)
    assert b"line 1: " in cost.err
    assert cost.peak < 60 << 20


def test_bad_lines_among_good_ones_are_told_up_to_a_bound(tmp_path, cli):
    (tmp_path / "list").write_text("0x1")
    path = tmp_path / "manifest"
    good = '{"case": "good", "inputs": ["list"]}\n'
    path.write_text("x\n" * 5 + good + "y\n" * 5000)
    result = cli("validate", "--batch", path, "--json", "--jobs", 1)
    assert result.code == 3
    cases = {r["case"]: r for r in result.json["results"]}
    assert cases["good"]["exit"] == 0
    assert len(cases) == manifest.MAX_BAD + 2
    (more,) = (r["error"] for name, r in cases.items() if name.endswith("more lines"))
    assert f"{5005 - manifest.MAX_BAD} more lines up to line 5006" in more
    path.write_text(
        good + "y\n" * much(20_000, 100_000)
    )  # found by make fuzz: 20 s for 4 MiB of them
    (*_, more) = cli("validate", "--batch", path, "--json", "--jobs", 1).json["results"]
    assert "up to line 10011 are no cases either; what follows is not read" in more["error"]


def test_a_case_has_no_more_paths_than_anybody_gives(tmp_path, cli):
    """Found by make fuzz: each is looked at wherever it leads."""
    path = tmp_path / "manifest"
    path.write_text(json.dumps({"case": "a", "inputs": ["list"] * 100_000}))
    result = cli("validate", "--batch", path, "--jobs", 1)
    assert result.code == 3
    assert "inputs: 100000 paths, more than 1000" in result.out + result.err


def test_a_core_is_no_manifest(capture, cli):
    result = cli("validate", "--batch", capture("x86-structv1-small"))
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert "this is a memory image, not a manifest" in result.err


@pytest.mark.parametrize("depth", [3 * 10**8, 10**20, -1, 1.5, True, None, "1"])
def test_the_depth_of_a_resource_is_bounded(depth, tmp_path, cli):
    entry = {"start": 0, "end": 655359, "type": "System RAM", "attributes": {"depth": depth}}
    maps = [{"name": "iomem", "boot": 0, "entries": [entry]}]
    document = {"schema": "hwpkho.memmap/1", "arch": "x86_64", "maps": maps}
    path = tmp_path / "map.json"
    path.write_text(json.dumps(document))
    result = cli("memmap", path, "--to", "iomem")
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert "not valid hwpkho.memmap/1: depth must be 0 to 64\n" in result.err


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"schema": "hwpkho.memmap/1"}, "'maps' is missing"),
        ({"schema": "hwpkho.memmap/1", "maps": 5}, "a value is of another type than it says"),
        ({"schema": "hwpkho.memmap/1", "maps": [[]]}, "a value is of another type than it says"),
    ],
)
def test_what_is_wrong_with_a_document_is_said_in_words(document, why, tmp_path, cli):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(document))
    result = cli("memmap", path)
    assert (result.code, result.out) == (3, "")
    assert result.err == f"hwpkho: {path}: not valid hwpkho.memmap/1: {why}\n"


def test_a_picture_of_a_long_run_is_drawn_at_once(tmp_path):
    (tmp_path / "list").write_text(BOMB)
    (tmp_path / "iomem").write_text("00001000-0009ffff : System RAM\n")
    args = ["validate", str(tmp_path / "list"), "--memmap", str(tmp_path / "iomem")]
    assert forked.within(2, *args).code == 1


EMPTY = [
    "(XEN) Initial Xen-e820 RAM map:", "(XEN) EFI RAM map:", "-e88 RAM", "-88 ", "-0x0 [",
    "Linux version ", "Processing EFI memory map", "00001000-00001fff : ", "x-01234567 : ",
    '"memmap"', "#pages", 'MemoryMap,"0","0",', "= 0x0, l", "#Pages", "= 0x0", "->\tstart",
    "-0x0], 0x",
    "U-Boot 2011.1", " base=", "- 0x", "-0x0 len", "/start <=", "messages lost",
    "AArch64 Processor [", "BIOS-provided physical RAM map:",
    "Type       Start            End              # Pages          Attributes",
]  # fmt: skip


@pytest.mark.parametrize("line", some(EMPTY, 14))
def test_lines_that_look_like_a_map_and_say_nothing_are_bounded(line, tmp_path, cli):
    """Found by fuzz/run.py: headings without lines, and all else that a form must look at."""
    path = tmp_path / "log"
    path.write_text(f"{line}\n" * 25_000)
    result = cli("memmap", path)
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert re.search(
        r"log: (line \d+: (more than )?\d+ (lines look like|repeated or damaged)|this is a list)",
        result.err,
    )


def test_a_log_full_of_ranges_that_are_no_map_is_read(tmp_path, cli):
    map_ = "BIOS-e820: [mem 0x0000000000000000-0x000000003fffffff] usable\n"
    spam = (
        "[ 1234.567890] resource sanity check: requesting [mem 0x00000000000c0000-"
        "0x00000000000dffff], which spans more than PCI Bus 0000:00 [mem 0x000c0000-0x000cbfff]\n"
    )
    (tmp_path / "log").write_text(map_ + spam * much(5000, 30_000))
    assert cli("memmap", tmp_path / "log").code == 0


def test_what_looks_like_a_map_in_one_line_is_looked_at_up_to_its_bound(tmp_path, cli):
    path = tmp_path / "log"
    path.write_text("BIOS-e820: [mem 0x0000000000000000-0x000000003fffffff] usable\n")
    with path.open("a") as log:
        log.write("x" * 4096 + "-0x0 [" * much(100_000, 600_000))
    cost = forked.within(MAX_CPU, "memmap", "--json", path)
    assert "line 2 has more than 4096" in json.loads(cost.out)["problems"][0]["message"]


def test_a_long_iomem_is_read_in_one_go_as_line_by_line(tmp_path, cli):
    """Lines as the kernel prints them are taken together; quoted ones are not."""
    lines, twice = ["00001000-0009ffff : System RAM\n"], 0
    for i in range(much(600, 3000)):
        low = 0x100000 + i * 0x10000
        lines.append(f"{low:08x}-{low + 0xFFFF - 0x1000 * (i % 2):08x} : System RAM\n")
        name = ("Kernel code", "0000:00:1f.3", "9000000.pl011 pl011@9000000", "Kernel")[i % 4]
        lines.append(f"{'  ' * (1 + i % 70)}{low:08x}-{low + 0xFFF:08x} : {name}\n")
        if i % 500 == 7:
            lines.append(lines[-1])
            twice += 1
    results = []
    for prefix in ("", "> "):
        path = tmp_path / f"iomem{len(prefix)}"
        path.write_text("".join(prefix + line for line in lines))
        results.append(cli("memmap", path, "--json"))
    assert [result.err for result in results if result.code != 0] == []
    found = [[(m["name"], m["entries"]) for m in result.json["maps"]] for result in results]
    assert found[0] == found[1]
    assert len(found[0][0][1]) == len(lines) - twice


@pytest.mark.slow  # four runs over 65 000 lines
@pytest.mark.parametrize("nested", [False, True])
def test_a_long_iomem_costs_what_its_lines_do(nested, tmp_path, subtests):
    """65 000 lines: flat, or a bus with bridges, functions and drivers."""
    low, lines = 0x1000, ["00000000-00000fff : Reserved\n"]
    while len(lines) < 65_000:
        lines.append(f"{low:08x}-{low + 0xFFFFF:08x} : System RAM\n")
        low += 1 << 20
        lines.append(f"{low:08x}-{low + 0xFFFFF:08x} : {'PCI Bus' if nested else 'Reserved'}\n")
        for i in range(nested * 8):
            name = ("0000:00", "0000:00:1f.3", "nvme")[i % 3]
            indent, at = "  " * (1 + i % 3), low + (i // 3 << 16)
            lines.append(f"{indent}{at:08x}-{at + 0xFFFF:08x} : {name}\n")
        low += 1 << 20
    (tmp_path / "iomem").write_text("".join(lines))
    (tmp_path / "list").write_text("0x1 0x100\n")
    for args in (["memmap", "iomem"], ["validate", "list", "--memmap", "iomem"]):
        with subtests.test(args[0]):
            named = [str(tmp_path / a) if a in ("iomem", "list") else a for a in args]
            cost = forked.within(2.5, *named)  # about 1.2 on an idle core, 2.6 before
            assert cost.code in (0, 1), cost.err


def test_a_type_with_zeros_before_it_is_a_number(tmp_path, cli, subtests):
    """Found by make fuzz; ESXi writes its types in decimal or in hex."""
    esxi = sorted((FIXTURES / "memmaps").rglob("*esxi*"))
    texts = {p.name: p.read_text("utf-8", "replace") for p in esxi if p.is_file()}
    zeros = re.compile(r"(type\s*=\s*)(?=\d)(?!0x)")
    changed = {name: zeros.sub(r"\g<1>00", text) for name, text in texts.items()}
    assert texts != changed
    path = tmp_path / "log"
    for name, text in changed.items():
        with subtests.test(name):
            path.write_text(text)
            assert cli("memmap", path).code in (0, 3)


@pytest.mark.parametrize(
    ("form", "first", "line"),
    some([
        ("badram", "badram 0x1000,0xfffff000\n", "\n"),
        ("badram", "badram 0x1000,0xfffff000\n", "x\n"),
        ("cutmem", "cutmem 1G 2G\n", "memmap=\n"),
        ("bcdedit", "bcdedit /set {badmemory} badmemorylist 0x1\n", "\n"),
        ("memtest86plus", "badram=0x7DDF0000,0xffffc000\n", "x\n"),
        ("crash-kmem", "PAGE PHYSICAL MAPPING FLAGS\n", "00000000 0\n"),
        ("page-types", "offset\tlen\tflags\n", "0\n"),
        ("page-types", "offset\tlen\tflags\n", "X\n"),
        ("kernel-log", "Memory failure: 0x1: recovery action for x: Recovered\n", "MCE 1\n"),
        ("text", "0x1\n", "1\n"),
    ], 3),
)  # fmt: skip
def test_short_lines_that_say_nothing_are_passed_over(form, first, line, tmp_path):
    """Found by make fuzz: a megabyte of blank lines took five seconds."""
    path = tmp_path / "list"
    path.write_text(first + line * (much(1 << 18, 1 << 20) // len(line)))
    cost = forked.within(1, "list", "--from", form, path)
    assert cost.code in (0, 3), cost.err
    assert cost.peak < 120 << 20


SHELL = "{}    000000007F089000-000000007F08BFFF 0000000000000003 000000000000000F"
CPER = "[    2.611493] {{1}}[Hardware Error]:   {}"


@pytest.mark.slow  # four megabytes of each
@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("list", CPER.format("section_type: memory error")),
        ("list", CPER.format("physical_address: 0x000000089c033400")),
        ("list", "[   66.732256] Memory failure: 0x128ee0: recovery action for x: Recovered"),
        ("memmap", "[    0.000000] reserve setup_data: [0x100fff 0x00000000bff80000-0x00000000b]"),
        (
            "memmap",
            "\n".join(SHELL.format(type_) for type_ in ("BS_Data", "BS_Code", "B0xfff_Code")),
        ),
    ],
)
def test_lines_that_a_reader_takes_cost_little(command, line, tmp_path):
    """Found by make fuzz: cases 44731, 50499 and 177015 of seed 1 took 1.0 to 1.6 s."""
    path = tmp_path / "log"
    path.write_text(f"{line}\n" * ((4 << 20) // (len(line) + 1)))
    cost = forked.within(1.4, command, path)  # at most 0.9 on an idle core
    assert cost.code in (0, 3), cost.err


def test_what_is_larger_than_its_form_can_be_is_not_read(tmp_path):
    """Found by make fuzz: a file with a hole of 128 MiB in it took twice as much memory."""
    path = tmp_path / "efi"
    path.write_bytes((FIXTURES / "memmaps-binary" / "e61nd-efi-memory-map.bin").read_bytes())
    os.truncate(path, 128 << 20)
    cost = forked.run("memmap", path)
    assert (cost.code, cost.out, cost.err.count(b"\n")) == (3, b"", 1)
    assert b"more than 4 MiB, too large for a memory map" in cost.err
    assert cost.peak < MAX_PEAK


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/full"])
@pytest.mark.parametrize("args", [["validate"], ["list"], ["list", "--from", "kpageflags"],
                                  ["merge"], ["decode"], ["capture", "-o", "out"]])  # fmt: skip
def test_a_device_is_no_list(args, device, cli):
    result = cli(*args, device)
    assert (result.code, result.out) == (3, "")
    assert result.err == f"hwpkho: {device}: is a device; give raw memory as FILE@0xBASE\n"
