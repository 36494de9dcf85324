"""Many cases in one call: folders, manifests, processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.batch import pool as batch
from hwpkho.errors import InputError
from hwpkho.inputs import folder as casefolder
from hwpkho.judging import baseline
from hwpkho.judging.accept import Acceptance
from hwpkho.judging.options import ValidateOptions
from tests.support import FIXTURES, captures, efi, provoking, replays
from tests.support.deadly import Deadly
from tests.support.examples import much, some
from tests.support.forked import on_terminal
from tests.support.handovers import Machine, no_handover
from tests.support.reporting import OF_MANY

IOMEM = "40000000-7fffffff : System RAM\n"


@pytest.fixture
def cli(cli):
    """One process unless a test says otherwise: starting others costs half a second."""

    def run(*args):
        return cli(*args, *(["--jobs", 1] if "--batch" in args and "--jobs" not in args else []))

    return run


def machine(folder, *pfns):
    """Write a handover of arm64 and the map of its machine."""
    folder.mkdir(parents=True, exist_ok=True)
    m = Machine()
    m.handover(pfns or (0x50000, 0x50001))
    m.save(folder)
    (folder / "iomem.txt").write_text(IOMEM)
    return folder


@pytest.fixture
def cases(tmp_path):
    """Three cases: fine, with findings, unreadable."""
    machine(tmp_path / "b-lost", 0x50000, 0x90000000)
    machine(tmp_path / "a-fine")
    (machine(tmp_path / "c-damaged") / "memory.elf").write_bytes(b"\x7fELF")
    return tmp_path


def judged(got):
    return {r["case"]: r for r in got.json["results"]}


# Folders


def test_one_bad_case_never_stops_the_others(cases, cli):
    got = cli("validate", "--json", "--batch", cases)
    assert got.code == 3
    assert got.err == "hwpkho: 1 of 3 cases could not be judged\n"
    assert [(r["case"], r["exit"]) for r in got.json["results"]] == [
        ("a-fine", 0), ("b-lost", 1), ("c-damaged", 3),
    ]  # fmt: skip
    assert [bool(r["result"]) for r in got.json["results"]] == [True, True, False]
    assert [bool(r["error"]) for r in got.json["results"]] == [False, False, True]
    results = [r["result"] for r in got.json["results"][:2]]
    assert [(r["ok"], r["schema"]) for r in results] == [
        (True, "hwpkho.validate/1"), (False, "hwpkho.validate/1"),
    ]  # fmt: skip
    shutil.rmtree(cases / "c-damaged")
    assert cli("validate", "--batch", cases).code == 1
    shutil.rmtree(cases / "b-lost")
    got = cli("validate", "--batch", cases)
    assert (got.code, got.err) == (0, "")


def test_a_case_of_a_batch_is_what_it_is_alone(cases, cli):
    memory, iomem = (cases / "b-lost" / name for name in ("memory.elf", "iomem.txt"))
    alone = cli("validate", "--json", memory, "--memmap", iomem).json
    assert judged(cli("validate", "--json", "--batch", cases))["b-lost"]["result"] == alone


def test_report(cases, cli):
    """What fails comes first; what is fine is counted, and listed with --all."""
    lines = cli("validate", "--batch", cases).out.splitlines()
    assert lines[0] == "FAIL        b-lost: 1 of 2 pages will be forgotten"
    assert lines[1].startswith("            HP601 not-ram: 1 PFN is in no range of the memory map")
    (unread,) = (i for i, line in enumerate(lines) if line.startswith("not judged  c-damaged:"))
    assert unread > 1
    assert not any("a-fine" in line for line in lines)
    total = "3 cases: 1 with findings, 1 not judged, 1 ok"
    assert lines[-1] == f"{total} (--all lists them)"
    lines = cli("validate", "--all", "--batch", cases).out.splitlines()
    assert lines[-3:] == [
        "ok          a-fine: all 2 pages will be taken out of use", "", total
    ]  # fmt: skip
    assert cli("validate", "-q", "--batch", cases).out == f"{total} (--all lists them)\n"


def test_states_of_cases_are_told_apart(cases, cli):
    """What was not judged whole is never ok, though nothing of it fails."""
    (cases / "d-old").mkdir()
    release = b"OSRELEASE=5.10.0\n"
    (cases / "d-old" / "vmcore").write_bytes(no_handover(release))
    (cases / "e-bare").mkdir()
    (cases / "e-bare" / "list.txt").write_text("0x10\n")
    got = cli("validate", "--batch", cases)
    assert got.code == 3
    total = "5 cases: 1 with findings, 1 not judged, 1 without KHO, 1 without a memory map, 1 ok"
    assert got.said.endswith(f"{total} (--all lists them)")
    words = [line[:12].strip() for line in got.out.splitlines() if line[:1].strip()]
    assert words[:4] == ["FAIL", "not judged", "no KHO", "no map"]
    document = cli("validate", "--json", "--batch", cases).json
    assert document["summary"]["by_state"] == {
        "findings": 1, "not-judged": 1, "accepted": 0, "no-kho": 1, "no-map": 1, "fine": 1,
    }  # fmt: skip
    states = {r["case"]: r["state"] for r in document["results"]}
    assert states["d-old"] == "no-kho"
    assert cli("validate", "--batch", cases, "--no-kho", "error", "--json").json["summary"][
        "with_findings"
    ] == 2  # fmt: skip


def test_numbers_in_names_sort_as_numbers(tmp_path, cli):
    names = ["host2", "host09", "host10", "host10a", "host100", "host\u0661", "10", "9", "host"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "list.txt").write_text("0x10\n")
    got = cli("validate", "--json", "--batch", tmp_path).json["results"]
    assert [r["case"] for r in got] == [
        "9", "10", "host", "host2", "host09", "host10", "host10a", "host100", "host\u0661"
    ]  # fmt: skip


def test_a_baseline_accepts_a_case_that_cannot_be_judged(cases, cli, tmp_path):
    path = tmp_path / "accepted.toml"
    got = cli("validate", "--batch", cases, "--write-baseline", path, "--reason", "ticket 7")
    assert got.code == 3
    got = cli("validate", "--batch", cases, "--baseline", path)
    assert (got.code, got.err) == (0, "")
    assert "accepted    c-damaged: ticket 7" in got.out
    document = cli("validate", "--batch", cases, "--baseline", path, "--json").json
    (result,) = [r for r in document["results"] if r["case"] == "c-damaged"]
    assert (result["exit"], result["accepted"], result["state"]) == (0, "ticket 7", "accepted")
    assert result["error"]
    assert (document["summary"]["ok"], document["summary"]["exit"]) == (2, 0)
    # It is of that case alone, and stale once the case can be judged.
    (cases / "c-damaged").rename(cases / "x-damaged")
    assert cli("validate", "--batch", cases, "--baseline", path).code == 3
    shutil.rmtree(cases / "x-damaged")
    shutil.copytree(cases / "a-fine", cases / "c-damaged")
    assert "HP705" in cli("validate", "--batch", cases, "--baseline", path).out


def test_options_are_for_all_cases(cases, cli, subtests):
    got = cli("validate", "--json", "--batch", cases, "--max-pages", 1, "--ignore", "HP601")
    for name in ("a-fine", "b-lost"):
        with subtests.test(name):
            result = judged(got)[name]
            assert result["exit"] == 1
            findings = result["result"]["findings"]
            assert [f["code"] for f in findings if f["severity"] == "error"] == ["HP701"]


def test_a_common_map_is_for_cases_without_one(cases, cli, tmp_path):
    (cases / "a-fine" / "iomem.txt").unlink()
    other = tmp_path / "common.txt"
    other.write_text("40000000-4fffffff : System RAM\n")
    got = judged(cli("validate", "--json", "--batch", cases, "--memmap", other))
    assert got["a-fine"]["result"]["summary"]["by_verdict"] == {"not-ram": 2}
    assert got["b-lost"]["result"]["summary"]["by_verdict"] == {"replays": 1, "not-ram": 1}


@pytest.mark.parametrize("name", some([n for n in captures.NAMES if n != "x86-vmcore-structv1"], 2))
def test_real_captures_are_cases(name, tmp_path, cli, capture):
    """Everything that lies in a capture's folder is told by content."""
    folder = tmp_path / "cases" / name
    shutil.copytree(
        captures.CAPTURES / name, folder, ignore=shutil.ignore_patterns("memory*", "*.gz")
    )
    shutil.copyfile(capture(name), folder / "some name")
    found = casefolder.read(folder)
    names = {Path(p).name for p in found.inputs}
    assert "some name" in names
    assert names <= {"some name", "debugfs-kho", "hwpoison.blob", "root_fdt.page"}
    maps = {Path(p).name for p in found.memmaps}
    assert maps <= {"iomem.txt", "sys-firmware-memmap", "dmesg.txt"}
    assert ("iomem.txt" in maps) == (folder / "iomem.txt").exists()
    assert set(found.unused) <= {"truth.json", "meminfo.txt", "dmesg.txt"}
    got = cli("validate", "--json", "--batch", folder.parent)
    broken = any(h["list"] == "broken" for h in captures.truth(name)["handovers"])
    # Bad pages in large folios of a guest's memory are errors, too.
    assert got.code == (broken or name == "luo-huge"), got.out


def test_maps_of_two_kernels_are_refused(tmp_path, cli):
    folder = machine(tmp_path / "case")
    (folder / "crash-iomem.txt").write_text("40000000-4fffffff : System RAM\n")
    got = cli("validate", "--json", "--batch", tmp_path)
    assert got.code == 3
    assert "not of one machine" in got.json["results"][0]["error"]


def _add(name, data):
    def change(folder):
        (folder / name).write_bytes(data)

    return change


def _segments(folder):
    (folder / "memory.elf").unlink()
    for phys, data in Machine().memory.items():
        (folder / f"0x{phys:x}.bin").write_bytes(data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_add("dmesg.txt", b""), "dmesg.txt: the file is empty"),
        (_add("core.gz", b"\x1f\x8b\x08\x00" * 9), "core.gz: the gzip stream is damaged"),
        (_add("raw.bin", bytes(8192)), "a binary file of no known kind"),
        (_add("list.txt", b"0x5000\n0x6000\n"), "a list of PFNs is a case of its own"),
        (_add("handover.json", b"{}"), "expected kho_fdt and kho_scratch"),
        (_add("other.elf", b"\x7fELF\x02\x01\x01"), "other.elf"),
        (lambda f: (f / "memory.elf").unlink(), "no memory image, copy or list in this folder"),
        (lambda f: os.mkfifo(f / "pipe"), "neither a file nor a folder"),
        (lambda f: (f / "gone").symlink_to("nowhere"), "neither a file nor a folder"),
    ],
)
def test_what_cannot_be_told_is_refused(change, says, tmp_path, cli):
    change(machine(tmp_path / "case"))
    got = cli("validate", "--json", "--batch", tmp_path)
    assert got.code == 3
    assert says in got.json["results"][0]["error"]
    assert cli("validate", "--batch", tmp_path).out.startswith("not judged  case:")


@pytest.mark.parametrize(
    "change",
    [
        _add("README.md", b"# Captured on the 3rd\n\nBy hand.\n"),
        _add("meminfo.txt", b"MemTotal: 1 kB\nHardwareCorrupted: 4 kB\n"),
        _add("notes.json", b'{"pfns": [1, 2]}\n'),
        _add("latin.txt", "caf\xe9\n".encode("latin-1")),
        lambda f: (f / "logs").mkdir(),
    ],
)
def test_what_is_something_else_is_left_alone_and_named(change, tmp_path, cli):
    folder = machine(tmp_path / "case")
    before = {p.name for p in folder.iterdir()}
    change(folder)
    (new,) = {p.name for p in folder.iterdir()} - before
    got = cli("validate", "--json", "--batch", tmp_path)
    assert got.code == 0
    assert f"not used: {new}" in got.json["results"][0]["result"]["rests_on"]


def test_hidden_files_do_not_count(tmp_path, cli):
    folder = machine(tmp_path / "case")
    (folder / ".DS_Store").write_bytes(bytes(100))
    (tmp_path / ".git").mkdir()
    got = cli("validate", "--json", "--batch", tmp_path)
    assert got.code == 0
    assert len(got.json["results"]) == 1


def test_lists_segments_and_trees_are_told_by_content(tmp_path):
    def read(name, **files):
        folder = tmp_path / name
        folder.mkdir()
        for file, data in files.items():
            (folder / file).write_bytes(data if isinstance(data, bytes) else data.encode())
        found = casefolder.read(folder)
        return [Path(p).name for p in found.inputs], [Path(p).name for p in found.memmaps]

    m = Machine()
    h = m.handover()
    assert read("list", pfns="0x10\n0x20-0x22 # bad\n", map=IOMEM) == (["pfns"], ["map"])
    assert read("structures", a=m.memory[h.root], b=m.memory[h.blob][:32]) == (["a", "b"], [])
    assert read("utf16", pfns="1\n", map=IOMEM.encode("utf-16")) == (["pfns"], ["map"])
    tree = (FIXTURES / "memmaps-binary" / "hisilicon-hi6220-hikey.dtb").read_bytes()
    assert read("tree", pfns="1\n", dtb=tree) == (["pfns"], ["dtb"])
    zero_page = (FIXTURES / "memmaps-binary" / "boot_params-b73.bin").read_bytes()
    assert read("zero", pfns="1\n", page=zero_page) == (["pfns"], ["page"])
    damaged = "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\nBIOS-e820: [mem x]\n"
    assert read("damaged", pfns="1\n", map=damaged) == (["pfns"], ["map"])


def test_segments_and_debugfs_copies_may_be_the_case_s_folder(tmp_path):
    folder = replays.unpack("arm64-4k-B-good", tmp_path)
    for path in (folder / "memory").iterdir():
        path.rename(folder / path.name)
    (folder / "memory").rmdir()
    found = casefolder.read(folder)
    assert found.inputs == [str(folder)]
    assert found.memmaps == [str(folder / "iomem.txt")]
    assert found.unused == ["outcome.json"]
    copy = tmp_path / "copy"
    shutil.copytree(captures.CAPTURES / "x86-luo" / "debugfs-kho", copy)
    (copy / "iomem.txt").write_text(IOMEM)
    found = casefolder.read(copy)
    assert (found.inputs, found.memmaps) == ([str(copy)], [str(copy / "iomem.txt")])


def test_folders_that_hold_no_cases(tmp_path, cli, subtests):
    for path in (tmp_path, tmp_path / "nowhere"):
        with subtests.test(path.name):
            got = cli("validate", "--json", "--batch", path)
            assert (got.code, got.out) == (3, "")
            assert len(got.err.splitlines()) == 1
    (tmp_path / "case").mkdir()
    with pytest.raises(InputError, match="no memory image"):
        casefolder.read(tmp_path / "case")


def test_a_case_is_no_folder_of_cases(cases, cli, tmp_path, subtests):
    """Its memory would be passed over, and its copy of debugfs taken for a case."""
    shutil.copytree(captures.CAPTURES / "x86-luo" / "debugfs-kho", cases / "a-fine" / "kho")
    for folder in (cases / "a-fine", cases / "a-fine" / "kho"):
        with subtests.test(folder.name):
            got = cli("validate", "--json", "--batch", folder)
            assert (got.code, got.out) == (3, "")
            assert "is a case itself" in got.err
    (cases / "0x1000.bin").write_bytes(bytes(4096))
    assert "is a case itself" in cli("validate", "--batch", cases).err


def test_file_names_of_any_bytes(tmp_path, cli, subtests):
    folder = machine(tmp_path / os.fsdecode(b"caf\xe9\n"))
    (folder / "memory.elf").rename(folder / os.fsdecode(b"m\xff.elf"))
    (folder / os.fsdecode(b"\xfe\x1b[2J.txt")).write_text("notes: none\n")
    for name in OF_MANY:
        with subtests.test(name):
            got = cli("validate", "--format", name, "--batch", tmp_path)
            assert got.code == 0
            got.out.encode("utf-8")
            assert "\x1b" not in got.out


# Manifests


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
LINES = (
    st.text()
    | JSON.map(json.dumps)
    | st.fixed_dictionaries(
        {"case": st.text(), "inputs": st.just(["nowhere"]) | JSON},
        optional={
            "memmap": JSON,
            "options": st.dictionaries(
                st.sampled_from(["page_size", "root-fdt", "kho_scratch", "arch", "role", "map",
                                 "boot", "iomem_of", "next_cmdline", "consumer_kho", "max_pages",
                                 "max_fraction", "max_per_gib", "base"]),
                JSON,
            ),
        },
    ).map(json.dumps)
)  # fmt: skip


@given(st.lists(LINES, max_size=4))
def test_any_line_is_a_result(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("any") / "m"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    with suppress(InputError):
        for job in batch.jobs(str(path)):
            result = batch.judge_job(job, ValidateOptions(), Acceptance(), ())
            assert result.exit in (2, 3)
            assert result.error
            assert result.error.isprintable()
            assert "internal error" not in result.error


def manifest(folder, *lines):
    path = folder / "cases.jsonl"
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_manifest(cases, cli):
    path = manifest(
        cases,
        {"case": "two", "inputs": ["b-lost/memory.elf"], "memmap": "b-lost/iomem.txt"},
        "",
        {"case": "one", "inputs": "a-fine/memory.elf", "memmap": ["a-fine/iomem.txt"],
         "options": {"max-pages": 1}},
        {"case": "structure", "inputs": ["a-fine/memory.elf"]},
    )  # fmt: skip
    got = cli("validate", "--json", "--batch", path)
    results = got.json["results"]
    assert [(r["case"], r["exit"]) for r in results] == [("two", 1), ("one", 1), ("structure", 0)]
    assert results[0]["result"]["summary"]["by_verdict"] == {"replays": 1, "not-ram": 1}
    assert "HP701" in {f["code"] for f in results[1]["result"]["findings"]}
    assert results[2]["result"]["summary"]["by_verdict"] == {}


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        ({"consumer_kho": "v2"}, "outcome", "absent"),
        ({"consumer-kho": "v4"}, "outcome", "replay"),
        ({"kho_scratch": "none"}, "outcome", "refused"),
        ({"kho_scratch": "0x90000000000:16"}, "outcome", "crash"),
        ({"kho_scratch": [0x90000000000, 16]}, "outcome", "crash"),
        ({"root_fdt": "0x66660000", "page_size": 4096}, "outcome", "refused"),
        ({"root_fdt": 0x66660000, "page_size": 4096}, "outcome", "refused"),
        ({"arch": "arm64", "role": "out"}, "arch", "arm64"),
    ],
)
def test_options_of_a_manifest(options, key, value, cases, cli):
    line = {"case": "x", "inputs": ["a-fine/memory.elf"], "memmap": ["a-fine/iomem.txt"],
            "options": options}  # fmt: skip
    if options.get("role"):
        line["inputs"] = ["a-fine/memory.elf"]
        options = {k: v for k, v in options.items() if k != "role"}
        line["options"] = options
    got = cli("validate", "--json", "--batch", manifest(cases, line))
    assert got.json["results"][0]["result"][key] == value


def test_more_options_of_a_manifest(cases, cli):
    (cases / "list").write_text("10\n")
    log = provoking.E820.replace("0x000000007fffffff", "0x000000003fffffff") + provoking.E820
    (cases / "log").write_text(log)
    base = {"inputs": ["list"], "memmap": ["log"]}
    lines = [
        {"case": "hex", **base, "options": {"base": 16, "boot": 0, "page_size": "4K"}},
        {"case": "last", **base, "options": {"boot": "last", "map": "e820_firmware"}},
        {"case": "both", **base},
        {"case": "limits", **base, "options": {"boot": 1, "max_fraction": 0, "max_per_gib": 0,
                                               "next_cmdline": "mem=1G"}},
    ]  # fmt: skip
    got = judged(cli("validate", "--json", "--batch", manifest(cases, *lines)))
    assert got["hex"]["result"]["runs"][0]["first"] == 0x10
    assert got["last"]["result"]["runs"][0]["first"] == 10
    assert got["both"]["exit"] == 3
    codes = {f["code"] for f in got["limits"]["result"]["findings"]}
    assert {"HP702", "HP703"} <= codes


def test_a_table_in_a_manifest(tmp_path, cli):
    (tmp_path / "fleet").mkdir()
    folder = tmp_path / "fleet"
    pieces = {efi.TABLE: efi.table([(5, 6)]), efi.NODE: efi.table([(7, 8)])}
    efi.saved(folder, pieces, entries=(efi.entry(), bytes(24), efi.entry(efi.NODE)))
    (folder / "bad").write_text("0xa00 0xe00\n")
    (tmp_path / "elsewhere").write_text("0xe00\n")
    base = {"inputs": ["efi.elf"]}
    chosen = {"efi_table": hex(efi.NODE), "consumer_efi": "b"}
    lines = [
        {"case": "undecided", **base},
        {"case": "held", **base, "options": {**chosen, "against": "bad"}},
        {"case": "outside", **base, "options": {**chosen, "against": ["../elsewhere"]}},
        {"case": "unread", "inputs": ["bad"], "options": {"against": "bad"}},
    ]
    got = judged(cli("validate", "--json", "--batch", manifest(folder, *lines)))
    names = ("undecided", "held", "outside", "unread")
    assert [got[name]["exit"] for name in names] == [3, 1, 3, 2]
    found = got["held"]["result"]["efi"]
    assert (found["phys"], found["consumer"]) == (efi.NODE, "b")
    assert found["against"][0]["uncovered"] == [0xA00]
    assert "is outside the batch's folder" in got["outside"]["error"]
    # What the command line names may lie anywhere, and is for the cases that read it.
    path = manifest(folder, {"case": "x", **base, "options": chosen})
    named = tmp_path / "elsewhere"
    got = judged(cli("validate", "--json", "--batch", path, "--against", named))
    assert got["x"]["result"]["efi"]["against"][0]["uncovered"] == []


def test_what_a_manifest_says_of_lists(tmp_path, cli):
    """A layout and a boot are for the list as for the map, as on the command line."""
    (tmp_path / "table").write_bytes(struct.pack("<IIQQ", 1, 4096, 4096, 4088) + bytes([6] * 4088))
    death = (
        "[    9.000000] Memory failure: 0x{:x}: recovery action for free buddy page: Recovered\n"
    )
    boots = "".join(
        "[    0.000000] Linux version 7.0.0 (a@b) #1 SMP\n" + death.format(pfn) for pfn in (16, 32)
    )
    (tmp_path / "log").write_text(boots)
    table = {"inputs": ["table"], "options": {"from": "efi-table", "layout": "bitmap-base"}}
    lines = [
        {"case": "table", **table},
        {"case": "wrong", "inputs": ["table"], "options": {"layout": "square"}},
        {"case": "log", "inputs": ["log"], "options": {"boot": 0}},
    ]
    got = judged(cli("validate", "--json", "--batch", manifest(tmp_path, *lines)))
    assert got["table"]["exit"] == 0, got["table"]
    assert got["wrong"]["error"].endswith(
        'layout cannot be "square": expected list or bitmap-base or bitmap'
    )
    assert [r["first"] for r in got["log"]["result"]["runs"]] == [16]


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("not json", 3, "line 2: not a JSON"),
        ("[1]", 3, "line 2: expected an object"),
        ("[" * 100000, 3, "line 2: not a JSON"),
        ("\xff", 3, "line 2: not a JSON"),
        ({"inputs": ["a"]}, 3, "line 2: expected an object with case and inputs"),
        ({"case": "", "inputs": ["a"]}, 3, "line 2: case must be a name"),
        ({"case": 5, "inputs": ["a"]}, 3, "line 2: case must be a name"),
        ({"case": "x"}, 3, "line 2: inputs must be paths"),
        ({"case": "x", "inputs": []}, 3, "line 2: inputs is empty"),
        ({"case": "x", "inputs": [1]}, 3, "line 2: inputs must be paths"),
        ({"case": "x", "inputs": ["-"]}, 3, "standard input cannot be part of a case"),
        ({"case": "x", "inputs": ["a\0b"]}, 3, "a path with a NUL byte"),
        ({"case": "x", "inputs": ["a"], "memmap": {}}, 3, "memmap must be paths"),
        ({"case": "x", "inputs": ["a"], "maps": []}, 3, "unknown key maps"),
        ({"case": "x", "inputs": ["a"], "options": []}, 3, "options must be an object"),
        ({"case": "first", "inputs": ["a"]}, 3, "case as in line 1"),
        ({"case": "x", "inputs": ["nowhere"]}, 3, "nowhere"),
        ({"case": "x", "inputs": ["a"], "options": {"fail_on": "note"}}, 2, "unknown option"),
        ({"case": "x", "inputs": ["a"], "options": {"arch": "vax"}}, 2, '"vax": expected x86_64'),
        ({"case": "x", "inputs": ["a"], "options": {"page_size": "8K"}}, 2, '"8K": expected 4096 '),
        ({"case": "x", "inputs": ["a"], "options": {"root_fdt": -1}}, 2, "root_fdt cannot be -1"),
        ({"case": "x", "inputs": ["a"], "options": {"root_fdt": "zz"}}, 2, "expected an address"),
        ({"case": "x", "inputs": ["a"], "options": {"kho_scratch": 7}}, 2, "kho_scratch cannot"),
        ({"case": "x", "inputs": ["a"], "options": {"max_fraction": 2}}, 2, "max_fraction cannot"),
        ({"case": "x", "inputs": ["a"], "options": {"map": 1}}, 2, "map cannot be 1"),
        ({"case": "x", "inputs": ["a"], "options": {"base": None}}, 2, "base cannot be null"),
        ({"case": "x", "inputs": ["a"], "options": {"consumer_kho": 4}}, 2, "consumer_kho cannot"),
        (
            {"case": "x", "inputs": ["a"], "options": {"max_pages": "1K"}},
            2,
            "expected a whole number",
        ),
        ({"case": "x", "inputs": ["a"], "options": {"efi_table": -1}}, 2, "efi_table cannot be -1"),
        (
            {"case": "x", "inputs": ["a"], "options": {"consumer-efi": "d"}},
            2,
            "consumer-efi cannot",
        ),
        ({"case": "x", "inputs": ["a"], "options": {"against": [1]}}, 3, "against must be paths"),
        ({"case": "x", "inputs": ["a"], "options": {"layout": "d"}}, 2, 'layout cannot be "d"'),
    ],
)
def test_bad_lines(line, code, says, cases, cli):
    path = manifest(cases, {"case": "first", "inputs": ["a-fine/memory.elf"]})
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(path.read_bytes() + text.encode("latin-1") + b"\n")
    got = cli("validate", "--json", "--batch", path)
    assert got.code == code
    first, second = got.json["results"]
    assert first["exit"] == 0
    assert second["exit"] == code
    assert says in second["error"]


def test_bad_manifests(tmp_path, cli, subtests):
    path = tmp_path / "m"
    for data in (b"", b"\n\n", b" " * (1 << 20) + b"x"):
        with subtests.test(repr(data[:2])):
            path.write_bytes(data)
            got = cli("validate", "--json", "--batch", path)
            assert (got.code, got.out) == (3, "")
            assert len(got.err.splitlines()) == 1


# Baselines of batches


def test_baseline_of_a_batch(cases, cli, tmp_path, subtests):
    shutil.rmtree(cases / "c-damaged")
    path = cases / "accepted.toml"
    got = cli("validate", "--batch", cases, "--write-baseline", path, "--reason", "known")
    assert got.code == 1
    assert [(e.code, e.case) for e in baseline.parse(path.read_bytes(), "x")] == [
        ("HP601", "b-lost")
    ]
    got = cli("validate", "--json", "--batch", cases, "--baseline", path)
    assert got.code == 0
    assert got.json["summary"]["notes"] == []
    machine(cases / "b-lost", 0x50000)
    got = cli("validate", "--json", "--batch", cases, "--baseline", path)
    assert got.code == 0
    (note,) = got.json["summary"]["notes"]
    assert note["code"] == "HP705"
    for name in ("text", "ktap", "junit", "sarif"):
        with subtests.test(name):
            got = cli("validate", "--batch", cases, "--baseline", path, "--format", name)
            assert "no longer matches any finding" in got.out
    quiet = ("--ignore", "HP410", "--fail-on", "note")
    assert cli("validate", "--batch", cases, "--baseline", path, *quiet).code == 1
    shutil.rmtree(cases / "b-lost")
    got = cli("validate", "--json", "--batch", cases, "--baseline", path)
    assert got.json["summary"]["notes"] == []  # its case was not judged


# Processes


@pytest.mark.parametrize("name", ["json", pytest.param("text", marks=pytest.mark.slow)])
def test_processes_give_the_same_bytes(name, tmp_path, cli):
    count = much(10, 40)
    for i in range(count):
        machine(tmp_path / f"case{i:02}", 0x50000 + i)
    (tmp_path / "case07" / "memory.elf").write_bytes(b"\x7fELF")
    for kind, table in (("bitmap", efi.table()), ("unknown", efi.table(version=9))):
        (tmp_path / kind).mkdir()
        efi.saved(tmp_path / kind, {efi.TABLE: table})
    one, two = (cli("validate", "--batch", tmp_path, "--format", name, "--jobs", n) for n in (1, 2))
    assert (one.code, one.out) == (two.code, two.out)
    assert one.code == 3
    if name == "text":
        said = " ".join(two.out.rpartition("\n\n")[2].split())  # the line is folded
        assert said.startswith(f"{count + 2} cases: 1 with findings, 1 not judged, ")
    else:
        assert len(two.json["results"]) == count + 2


@pytest.mark.parametrize("count", [0, pytest.param(33, marks=pytest.mark.slow)])
def test_a_dead_process_costs_one_case(count, tmp_path):
    todo = [Deadly("deadly"), Deadly("buggy"), Deadly("hungry")]
    todo += [
        Deadly(f"{i}", str(machine(tmp_path / f"{i}"))) if i % 16 else Deadly("deadly")
        for i in range(count)
    ]
    results = list(batch.run(todo, ValidateOptions(), Acceptance(), 2))
    errors = {
        "deadly": "the process that judged it died (killed, or out of memory)",
        "buggy": "internal error, please report: ZeroDivisionError: a bug\\x1b[2J",
        "hungry": "out of memory",
    }
    assert [(r.case, r.exit, r.error) for r in results] == [
        (j.case, 3 * (j.case in errors), errors.get(j.case)) for j in todo
    ]


def test_number_of_processes(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 2, 3})
    assert batch.processes(1000, None) == 3
    assert batch.processes(1, None) == 1
    assert batch.processes(5, 64) == 5
    assert batch.processes(500, 64) == 64


def test_results_are_not_kept(tmp_path):
    """Cases are judged as the results are taken, not all of them ahead."""
    todo = [batch.Job(f"{i}", str(tmp_path / f"{i}")) for i in range(10)]
    results = batch.run(todo, ValidateOptions(), Acceptance(), 1)
    assert next(results).exit == 3
    machine(tmp_path / "1")
    assert next(results).exit == 0


# On a terminal


def test_progress_on_a_terminal_only(cases, subtests):
    out, seen = on_terminal("validate", "--batch", cases, "--jobs", 1, "--json")
    assert json.loads(out)["summary"]["cases"] == 3
    assert b"3/3" in seen
    _, seen = on_terminal("validate", "--batch", cases, "--jobs", 1, stdout=True)
    assert b"3/3" in seen
    assert re.search(r"b-lost\S*: 1 of 2 pages", seen.decode())
    for options, env in ((("-q",), {}), ((), {"TERM": "dumb"}))[: much(1, 2)]:
        with subtests.test(f"{options} {env}"):
            _, seen = on_terminal(
                "validate", "--batch", cases, "--jobs", 1, *options, stdout=True, env=env
            )
            assert b"3/3" not in seen


def test_colours_on_a_terminal_only(cases):
    args = ("validate", cases / "b-lost" / "memory.elf", "--memmap", cases / "b-lost" / "iomem.txt")
    _, seen = on_terminal(*args, stdout=True)
    assert b"\x1b[1;31m" in seen
    out, seen = on_terminal(*args)
    assert b"\x1b" not in out
    assert seen == b""


# Nothing outside the folder


@pytest.fixture
def stranger(tmp_path):
    """A batch beside what its reader must not tell."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "shadow").write_text("root:$y$j9T$secret:20000:0:99999:7:::\n")
    (tmp_path / "home" / "list").write_text("0xdeadbeef\n")
    (tmp_path / "home" / "iomem").write_text(IOMEM)
    machine(tmp_path / "home" / "machine")
    machine(tmp_path / "batch" / "fine")
    return tmp_path / "batch"


def _link(place, target):
    def make(batch):
        path = batch / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    return make


LEAVING = {
    "case": _link("bad", "../home/machine"),
    "file": _link("bad/list", "../../home/list"),
    "absolute": _link("bad/list", "/etc/passwd"),
    "segment": _link("bad/0x1000.bin", "../../home/list"),
    "debugfs file": _link("bad/kho/out/fdt", "../../../../home/list"),
    "debugfs folder": _link("bad/kho/out/sub_fdts", "../../../../home"),
    "map folder": _link("bad/memmap", "../../home"),
    "chain": lambda b: (_link("bad/list", "../fine/x")(b), _link("fine/x", "../../home/list")(b)),
}


@pytest.mark.parametrize("how", LEAVING)
def test_links_that_leave_the_folder(how, stranger, cli):
    LEAVING[how](stranger)
    got = cli("validate", "--json", "--batch", stranger)
    case = judged(got)["bad"]
    assert (got.code, case["exit"]) == (3, 3)
    assert "is outside the batch's folder" in case["error"]
    assert [x for x in ("secret", "deadbeef", "shadow", "home") if x in got.out] == []
    if how != "chain":
        assert judged(got)["fine"]["exit"] == 0


def test_links_within_the_folder_are_followed(stranger, cli):
    (stranger / "fine" / "iomem.txt").rename(stranger / "iomem")
    (stranger / "fine" / "iomem.txt").symlink_to("../iomem")
    (stranger / "again").symlink_to("fine")
    got = cli("validate", "--json", "--batch", stranger)
    assert {name: r["exit"] for name, r in judged(got).items()} == {"again": 0, "fine": 0}


@pytest.mark.parametrize(
    "line",
    [
        {"inputs": ["../home/list"]},
        {"inputs": ["fine/../../home/list"]},
        {"inputs": ["/etc/passwd"]},
        {"inputs": ["../home/list@0x1000"]},
        {"inputs": ["../home/machine"]},
        {"inputs": ["out"]},
        {"inputs": ["fine/memory.elf"], "memmap": ["../home/iomem"]},
        {"inputs": ["fine/memory.elf"], "memmap": ["out"]},
        {"inputs": ["/dev/fd/0"]},
        {"inputs": ["./-"]},
    ],
)
def test_manifest_paths_that_leave_the_folder(line, stranger, cli):
    (stranger / "out").symlink_to("../home/list")
    path = stranger / "m.jsonl"
    good = {"case": "good", "inputs": ["fine/memory.elf"], "memmap": ["fine/iomem.txt"]}
    path.write_text("".join(json.dumps(x) + "\n" for x in ({"case": "bad", **line}, good)))
    got = cli("validate", "--json", "--batch", path)
    assert {name: r["exit"] for name, r in judged(got).items()} == {"bad": 3, "good": 0}
    assert "deadbeef" not in got.out
    assert len(judged(got)["bad"]["error"].splitlines()) == 1


def test_outside_allows_it(stranger, cli):
    (stranger / "bad").symlink_to("../home/machine")
    assert cli("validate", "--batch", stranger).code == 3
    assert cli("validate", "--batch", stranger, "--outside").code == 0
    path = stranger / "m.jsonl"
    path.write_text('{"case": "a", "inputs": ["../home/machine/memory.elf"]}\n')
    assert cli("validate", "--batch", path).code == 3
    assert cli("validate", "--batch", path, "--outside").code == 0
    assert cli("validate", stranger / "fine" / "memory.elf", "--outside").code == 2


def test_what_the_command_line_names_may_lie_anywhere(stranger, cli):
    (stranger / "fine" / "iomem.txt").unlink()
    got = cli("validate", "--json", "--batch", stranger, "--memmap", stranger / "../home/iomem")
    assert got.code == 0
    assert judged(got)["fine"]["result"]["runs"][0]["verdict"] == "replays"


@pytest.mark.parametrize(
    "text",
    [
        "root:$y$j9T$secret:20000:0:99999:7:::\n",
        "1\nhunter2\n",
        "5f4dcc3b5aa765d61d8327deb882cf99\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@host\n",
        '{"schema": "token hunter2"}',
    ],
)
def test_nothing_is_quoted_out_of_what_is_no_list(text, tmp_path, cli):
    (tmp_path / "x").write_text(text)
    got = cli("validate", tmp_path / "x")
    assert got.code == 3
    words = [x for x in text.split() if len(x) > 5 and x.strip('{}":') not in ("schema", "token")]
    assert [word for word in words if word in got.err] == []
    assert "hunter2" not in got.err


@pytest.mark.parametrize("word", ["0x12g4", "12l4", "1O", "0x10-0x2g"])
def test_a_slip_in_a_number_is_shown(word, tmp_path, cli):
    (tmp_path / "x").write_text(f"0x10\n{word}\n")
    assert f"line 2: '{word}' is not a PFN" in cli("validate", tmp_path / "x").err


@pytest.mark.parametrize(
    "text", ["memmap=4K$0x50001000 quiet\n", '{"cmdline": "reserve_mem=1M"}\n']
)
def test_a_text_that_names_pages_among_others_counts_where_nothing_else_does(text, tmp_path, cli):
    folder = machine(tmp_path / "case")
    (folder / "cmdline").write_text(text)
    got = cli("validate", "--json", "--batch", tmp_path).json["results"][0]
    assert (got["exit"], got["result"]["summary"]["pfns"]) == (0, 2)
    assert "not used: cmdline" in got["result"]["rests_on"]
    (folder / "memory.elf").unlink()
    got = cli("validate", "--json", "--batch", tmp_path).json["results"][0]
    if "$" in text:
        assert [r["first"] for r in got["result"]["runs"]] == [0x50001]
        assert any("the bad pages of this log are the list" in r for r in got["result"]["rests_on"])
    else:
        assert got["exit"] == 3


def test_a_log_of_corrected_errors_alone_is_no_list(tmp_path, cli):
    folder = machine(tmp_path / "case")
    (folder / "memory.elf").unlink()
    (folder / "log").write_text(
        "[    1.000000] EDAC MC0: 1 CE read on DIMM (channel:0 page:0x50 offset:0x0 grain:32)\n"
    )
    got = cli("validate", "--json", "--batch", tmp_path).json["results"][0]
    assert got["exit"] == 3, got
