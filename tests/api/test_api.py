"""``import hwpkho`` gives the same answers as the command line."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import subprocess
import sys
from array import array
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pytest

import hwpkho
from tests.support import ROOT, efi, pages
from tests.support.captures import CAPTURES, elf, truth
from tests.support.examples import some
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.program import Result

    Cli = Callable[..., Result]

SMALL = CAPTURES / "x86-structv1-small"
IMAGE, DEBUGFS, IOMEM = SMALL / "memory.elf", SMALL / "debugfs-kho", SMALL / "iomem.txt"
POST = "x86-structv1-small-post"
#: Written by a test where it works.
POSTED, TABLED, LOG, PLAIN, OUT = "post.elf", "b-gen1.elf", "kern.log", "plain", "out.elf"
#: In the order of the array.
LISTED = truth("x86-structv1-small")["handovers"][0]["pfns"]


@pytest.fixture
def lists(tmp_path: Path) -> list[Path]:
    """Three lists of one machine."""
    paths = []
    for n, text in enumerate(("0x10\n0x20-0x22\n", "0x20-0x23\n", "0x10\n0x23\n")):
        path = tmp_path / f"{n}.txt"
        path.write_text(text)
        paths.append(path)
    return paths


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in document.items() if k not in names}


def test_every_name_is_there_and_documented() -> None:
    assert [
        n for n in hwpkho.__all__ if not (hasattr(hwpkho, n) and getattr(hwpkho, n).__doc__)
    ] == []
    assert {n for names in hwpkho._WHERE.values() for n in names} == set(hwpkho.__all__)
    assert dir(hwpkho) == sorted(hwpkho.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hwpkho.nothing


def test_import_alone_loads_nothing() -> None:
    code = "import sys, hwpkho; print([m for m in sys.modules if m.startswith('hwpkho.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("how", ["str", "path", "open", "bytes", "pipe"])
def test_a_file_is_a_path_or_an_open_file(how: str, cli: Cli) -> None:
    expected = cli("decode", "--json", str(IMAGE)).json["handovers"]
    if how == "str":
        decoded = hwpkho.decode(str(IMAGE))
    elif how == "path":
        decoded = hwpkho.decode(IMAGE)
    elif how == "open":
        with IMAGE.open("rb") as file:
            file.seek(7)
            decoded = hwpkho.decode(file)
            assert file.tell() == 7
    elif how == "bytes":
        memory = io.BytesIO(IMAGE.read_bytes())
        memory.seek(9)
        decoded = hwpkho.decode([memory])
        assert memory.tell() == 9
    else:
        packed = io.BytesIO(gzip.compress(IMAGE.read_bytes()))
        with gzip.GzipFile(fileobj=packed) as unpacked:
            decoded = hwpkho.decode(cast("BinaryIO", unpacked))
    found = decoded.to_dict()["handovers"]
    assert [without(h, "source") for h in found] == [without(h, "source") for h in expected]
    assert decoded.pfns == LISTED
    assert sum(row.pages for row in decoded.rows()) == len(LISTED)
    assert decoded.handover().role == expected[-1]["role"]
    assert [p.code for p in decoded.problems] == [
        p["code"] for h in expected for p in h["problems"]
    ]


def test_several_files_are_one_case(cli: Cli) -> None:
    expected = cli("decode", "--json", str(IMAGE), str(DEBUGFS)).json
    assert hwpkho.decode([str(IMAGE), str(DEBUGFS)]).to_dict() == expected
    with IMAGE.open("rb") as image:
        assert hwpkho.decode([image, DEBUGFS]).handovers[0].role == "out"


def test_two_open_files_of_one_name_are_two() -> None:
    first, second = io.BytesIO(b"0x1\n"), io.BytesIO(b"0x2\n")
    assert hwpkho.merge(first, second).pfns == [1, 2]


@pytest.mark.parametrize("capture", ["x86-structv1-small", "arm64-4k-A", "x86-none"])
def test_validate_is_the_document_of_the_command_line(
    capture: str, tmp_path: Path, cli: Cli
) -> None:
    image = tmp_path / "memory.elf"
    image.write_bytes(elf(capture))
    iomem = CAPTURES / capture / "iomem.txt"
    expected = cli("validate", "--json", str(image), "--memmap", str(iomem))
    judged = hwpkho.validate(image, memmap=iomem)
    assert judged.to_dict() == expected.json
    assert judged.ok == (expected.code == 0)
    assert judged.outcome == expected.json["outcome"]
    assert judged.counts == expected.json["summary"]["by_verdict"]
    assert [f.code for f in judged.findings] == [f["code"] for f in expected.json["findings"]]
    rows = [(r.first, r.last, r.verdict, r.code, r.region) for r in judged.rows()]
    assert rows == [tuple(r.values())[:5] for r in expected.json["runs"]]
    with hwpkho.open_case(image) as case:
        assert case.validate(memmap=iomem).to_dict() == expected.json


def test_which_findings_count(cli: Cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("0x999999\n")
    assert not hwpkho.validate(bad, memmap=IOMEM).ok
    cases: list[dict[str, Any]] = [{"fail_on": "never"}, {"ignore": ["HP6"]}, {"select": ["HP301"]}]
    for options in cases:
        with subtests.test(str(options)):
            assert hwpkho.validate(bad, memmap=IOMEM, **options).ok
    baseline = tmp_path / "accepted.toml"
    run = cli("validate", str(bad), "--memmap", str(IOMEM), "--write-baseline", str(baseline),
              "--reason", "known")  # fmt: skip
    assert run.code == 1
    with baseline.open("rb") as file, hwpkho.open_case(bad) as case:
        every = [
            hwpkho.validate(bad, memmap=IOMEM, baseline=baseline),
            hwpkho.validate(bad, memmap=IOMEM, baseline=file),
            case.validate(memmap=IOMEM, baseline=file),
        ]
    found = [(judged.ok, {s.by for s in judged.suppressed}) for judged in every]
    assert found == [(True, {"baseline"})] * 3


def test_a_plain_list_is_judged_without_a_file(subtests: pytest.Subtests) -> None:
    pfns = [0x10, 0x979, 0x1FFE0, 0x999999]
    by_file = hwpkho.judge(pfns, IOMEM)
    assert by_file.counts == {"in-use": 1, "firmware": 1, "replays": 1, "not-ram": 1}
    memmap = hwpkho.read_memmap(IOMEM)
    rows = [row[:2] + row[3:] for row in memmap.rows()]
    for given in (pfns, array("Q", pfns), array("I", pfns), set(pfns), iter(pfns)):
        with subtests.test(repr(given)[:12]):
            assert hwpkho.judge(given, memmap).rows() == by_file.rows()
    top = [(0x1000, 0x9FFFF, "System RAM"), (0x100000, 0x1FFFFFFF, "System RAM")]
    assert rows[0] in [*rows, *top]
    judged = hwpkho.judge([0x150, 0x20000], top, arch="x86_64")
    assert [r.verdict for r in judged.rows()] == ["replays", "not-ram"]
    assert hwpkho.judge([1, 2, 2]).validation.pfns == 2
    assert not hwpkho.judge(range(100), IOMEM, max_pages=10).ok
    for no_pfn in (-1, 1 << 64):
        with subtests.test(str(no_pfn)), pytest.raises(ValueError, match="a PFN is an integer"):
            hwpkho.judge([no_pfn])
    with pytest.raises(ValueError, match="first and last byte"):
        hwpkho.judge([1], [(5, 4, "System RAM")])


@pytest.mark.parametrize(("page_size", "kho"), [(4096, 4), (16384, 3), (65536, 2), (4096, 1)])
def test_what_is_built_decodes(page_size: int, kho: int, tmp_path: Path) -> None:
    pfns = [0x50001, 0x52000, 0x52000, 0x40000]
    area = (0x4000_0000, 64 << 20)
    layout = hwpkho.build(
        pfns, page_size=page_size, ram=[(0x6000_0000, 64 << 20)], scratch=[area], kho=kho
    )
    core = io.BytesIO()
    layout.write_elf(core)
    decoded = hwpkho.decode(core)
    assert decoded.pfns == pfns
    assert decoded.handover().page_size == page_size
    root = decoded.to_dict()["handovers"][0]["root"]
    assert root["phys"] == layout.to_dict()["handover"]["root"]["phys"]
    layout.write_elf(tmp_path / "h.elf")
    assert (tmp_path / "h.elf").read_bytes() == core.getvalue()
    with pytest.raises(hwpkho.UsageError, match="exists"):
        layout.write_elf(tmp_path / "h.elf")
    layout.write_elf(tmp_path / "h.elf", force=True)
    layout.write_segments(tmp_path / "segments")
    assert hwpkho.decode(tmp_path / "segments").pfns == pfns


def test_what_is_built_is_what_encode_makes(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "cli.elf"
    listed = tmp_path / "list.txt"
    listed.write_text("0x50001\n")
    where = ("--page-size", 4096, "--at", "0x60000000", "--no-scratch")
    run = cli("encode", listed, *where, "--json", "-o", out)
    layout = hwpkho.build([0x50001], at=0x6000_0000)
    names = ("source", "output")
    assert without(layout.to_dict(), *names) == without(run.json, *names)
    assert layout.notes == ("without scratch the next kernel ignores the whole handover",)
    assert layout.rows() == [(0x50001, 0x50001, 1)]
    core = io.BytesIO()
    layout.write_elf(core)
    assert core.getvalue() == out.read_bytes()


#: What is called; arguments of the command line that print the same document; fields that say where
#: it came from or went.
DOCUMENTS: dict[str, tuple[Callable[[], Any], list[object], tuple[str, ...]]] = {
    "an image": (lambda: hwpkho.decode(IMAGE), ["decode", IMAGE], ()),
    "two generations": (lambda: hwpkho.decode(POSTED), ["decode", POSTED], ()),
    "a table": (lambda: hwpkho.decode(TABLED), ["decode", TABLED], ()),
    "a judgement": (
        lambda: hwpkho.validate(IMAGE, memmap=IOMEM), ["validate", IMAGE, "--memmap", IOMEM], (),
    ),
    "a judgement without a map": (lambda: hwpkho.validate(IMAGE), ["validate", IMAGE], ()),
    "a judged table": (
        lambda: hwpkho.validate(TABLED, consumer_efi="b"),
        ["validate", TABLED, "--consumer-efi", "b"], (),
    ),
    "limits": (
        lambda: hwpkho.validate(IMAGE, memmap=IOMEM, max_pages=1, max_fraction=1e-9, max_per_gib=1,
                                max_scratch=1e-9, fail_on="never"),
        ["validate", IMAGE, "--memmap", IOMEM, "--max-pages", 1, "--max-fraction", 1e-9,
         "--max-per-gib", 1, "--max-scratch", 1e-9, "--fail-on", "never"], (),
    ),
    "limits without a map": (
        lambda: hwpkho.validate(POSTED, role="in", max_pages=1, max_fraction=0.5, max_scratch=0.5),
        ["validate", POSTED, "--role", "in", "--max-pages", 1, "--max-fraction", 0.5,
         "--max-scratch", 0.5], (),
    ),
    "two lists": (lambda: hwpkho.diff(IMAGE, LOG), ["diff", IMAGE, LOG], ()),
    "a chain": (lambda: hwpkho.diff(IMAGE, LOG, IMAGE), ["diff", IMAGE, LOG, IMAGE], ()),
    "merged": (
        lambda: hwpkho.merge(IMAGE, LOG, memmap=IOMEM, provenance=True),
        ["merge", IMAGE, LOG, "--memmap", IOMEM, "--provenance"], (),
    ),
    "the list of an image": (lambda: hwpkho.read_list(IMAGE), ["list", IMAGE], ()),
    "the list of a log": (lambda: hwpkho.read_list(LOG), ["list", LOG], ()),
    "a plain list": (lambda: hwpkho.read_list(PLAIN), ["list", PLAIN], ()),
    "the list of a table": (lambda: hwpkho.read_list(TABLED), ["list", TABLED], ()),
    "a map": (lambda: hwpkho.read_memmap(IOMEM), ["memmap", IOMEM], ()),
    "a handover that is made": (
        lambda: hwpkho.build([0x50001, 0x7, 0x50001], at=0x60000000),
        ["encode", PLAIN, "--page-size", 4096, "--at", "0x60000000", "--no-scratch", "-o", OUT],
        ("source", "output"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", some(DOCUMENTS, 8))
def test_a_result_is_the_document_of_its_command(
    what: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(POSTED).write_bytes(elf(POST))
    efi.unpack("b-gen1", tmp_path)
    death = "[    9.500000] Memory failure: 0x{:x}: recovery action for free buddy page: {}\n"
    Path(LOG).write_text(death.format(0x979, "Recovered") + death.format(0x7, "Failed"))
    Path(PLAIN).write_text("0x50001\n0x7\n0x50001\n")
    call, arguments, apart = DOCUMENTS[what]
    result = call()
    got = cli(*arguments, "--json")
    assert got.code in (0, 1), got.err
    assert without(result.to_dict(), *apart) == without(got.json, *apart)
    assert pickle.loads(pickle.dumps(result)).to_dict() == result.to_dict()
    rows = []
    if not isinstance(result, hwpkho.Decoded) or result.handovers:
        rows = result.rows()
        assert _held(result) - set(hwpkho.__all__) == set()
    assert len({type(row) for row in rows}) <= 1
    assert {type(row).__name__ for row in rows} <= set(hwpkho.__all__)
    assert {type(x) for row in rows for x in row} <= {int, str, type(None)}


def _held(result: Any) -> set[str]:
    """Return the names of the classes of ours that a result's public attributes hold."""
    held: set[type] = set()
    for name in dir(result):
        if not name.startswith("_") and not callable(value := getattr(result, name)):
            held |= {type(x) for x in (value if type(value) is tuple else (value,))}
    return {x.__name__ for x in held if x.__module__.startswith("hwpkho")}


def test_the_documents_are_those_of_every_result() -> None:
    results = {n for n in hwpkho.__all__ if hasattr(getattr(hwpkho, n), "to_dict")}
    assert results == {"Compared", "Decoded", "Judged", "Layout", "MemoryMap", "Merged", "PageList"}


def test_where_a_list_names_pages(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "[    9.500000] Memory failure: 0x7: recovery action for free buddy page: Failed\n"
    )
    (row,) = hwpkho.read_list(log).entries()
    assert row == (7, 7, "poisoned", "boot+9.500000", str(log), "line 1")
    assert isinstance(row, hwpkho.EntryRow)


@pytest.mark.slow
def test_the_boot_of_a_list(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "".join(
            f"[    0.000000] Linux version 6.{pfn}.0 (a@b) #1 SMP\n[    9.500000] Memory failure:"
            f" 0x{pfn:x}: recovery action for dirty LRU page: Recovered\n"
            for pfn in (7, 9)
        )
    )
    assert [hwpkho.read_list(log, boot=boot).pfns for boot in (0, "last", None)] == [
        [7],
        [9],
        [7, 9],
    ]
    with pytest.raises(hwpkho.UsageError, match="boot has no effect: no input is a log"):
        hwpkho.read_list(io.BytesIO(b"0x10\n"), boot=1)


def test_lists(lists: list[Path], cli: Cli) -> None:
    read = hwpkho.read_list(lists[0])
    assert read.pfns == [0x10, 0x20, 0x21, 0x22]
    assert read.rows()[1]._asdict() == {"first": 0x20, "last": 0x22, "pages": 3}
    document = read.to_dict()
    assert document["schema"] == "hwpkho.list/1"
    again = hwpkho.read_list(io.BytesIO(json.dumps(document).encode()))
    assert again.pfns == read.pfns
    assert hwpkho.read_list(io.BytesIO(b"10"), base=16).pfns == [0x10]
    assert hwpkho.read_list(io.BytesIO(b"10"), form="text").pfns == [10]
    with pytest.raises(hwpkho.UsageError, match="form='nothing' is not one of 'json',"):
        hwpkho.read_list(io.BytesIO(b"10"), form="nothing")
    assert hwpkho.read_list(IMAGE).pfns == LISTED

    names = list(map(str, lists))
    merged = hwpkho.merge(read, *lists[1:])
    expected = cli("merge", "--json", *names).json
    assert merged.pfns == expected["pfns"]
    assert without(merged.to_dict(), "output") == without(expected, "output")
    assert hwpkho.merge(*lists, intersect=True).pfns == []
    assert hwpkho.merge(lists[0], exclude=[lists[1]]).pfns == [0x10]

    pair = hwpkho.diff(read, lists[1])
    assert pair.to_dict() == cli("diff", "--json", *names[:2]).json
    assert (pair.same, pair.removed, pair.added) == (False, [0x10], [0x23])
    assert [row._asdict() for row in pair.rows()] == [
        {"step": 0, "change": "removed", "first": 0x10, "last": 0x10, "pages": 1, "verdict": None},
        {"step": 0, "change": "added", "first": 0x23, "last": 0x23, "pages": 1, "verdict": None},
    ]  # fmt: skip
    chain = hwpkho.diff(*lists)
    assert type(chain) is type(pair)
    assert chain.to_dict() == cli("diff", "--json", *names).json
    assert chain.histories() == {"came back": 1, "lost": 3, "appeared": 1}
    assert hwpkho.diff(read, read).same


def test_a_list_is_written_as_the_command_line_writes_it(
    tmp_path: Path, cli: Cli, subtests: pytest.Subtests
) -> None:
    image, iomem = SMALL / "memory.elf", SMALL / "iomem.txt"
    for to, maps in (("memmap", None), ("badram", None), ("csv", None), ("setup-data", iomem)):
        with subtests.test(to):
            out = io.BytesIO()
            given: dict[str, Any] = {"memmap": maps} if maps else {}
            lost = hwpkho.write_list(image, out, to=to, **given)
            assert lost == hwpkho.Loss(0, 0)
            args = ["--memmap", maps] if maps else []
            made = cli("list", image, "--to", to, *args, "-o", tmp_path / to)
            assert made.code == 0, made.err
            if to != "csv":  # which names the file
                assert out.getvalue() == (tmp_path / to).read_bytes()
    listed = hwpkho.read_list(image)
    lost = hwpkho.write_list(listed, tmp_path / "some", to="cutmem", budget=30, max_loss=400)
    assert 0 < lost.good_pages <= 400
    assert (tmp_path / "some").read_text().count("cutmem") == 30
    with pytest.raises(hwpkho.UsageError, match="exists"):
        hwpkho.write_list(listed, tmp_path / "some", to="cutmem")
    hwpkho.write_list(listed, tmp_path / "some", to="text", force=True)
    assert hwpkho.read_list(tmp_path / "some").pfns == sorted(listed.pfns)
    merged = hwpkho.merge(listed, tmp_path / "some", provenance=True)
    hwpkho.write_list(merged, tmp_path / "merged.csv", to="csv")
    assert f"{listed.pfns[0]},{listed.pfns[0]},poisoned," in (tmp_path / "merged.csv").read_text()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"to": "kernel-log"}, "to 'kernel-log' is not one of"),
        ({"to": "text", "budget": 9}, "budget has no effect"),
        ({"to": "memmap", "budget": 0}, "budget=0 is not 1 or more"),
        ({"to": "e820"}, "give memmap"),
        ({"to": "csv", "memmap": iomem}, "memmap has no effect"),
        ({"to": "memmap", "arch": "arm64"}, "have no memmap="),
    ]
    for options, says in wrong:
        with subtests.test(str(options)), pytest.raises(hwpkho.UsageError, match=says):
            hwpkho.write_list([tmp_path / "some"], io.BytesIO(), **options)


def test_one_capture_is_compared_with_itself(tmp_path: Path) -> None:
    image = tmp_path / "memory.elf"
    image.write_bytes(elf(POST))
    with pytest.raises(hwpkho.InputError, match="the incoming list was consumed"):
        hwpkho.diff(image)
    with pytest.raises(hwpkho.UsageError, match="diff needs two lists"):
        hwpkho.diff(hwpkho.read_list(io.BytesIO(b"1")))


def test_a_memory_map(cli: Cli) -> None:
    memmap = hwpkho.read_memmap(IOMEM)
    expected = cli("memmap", "--json", str(IOMEM)).json
    assert memmap.to_dict() == expected
    assert memmap.arch == expected["arch"]
    assert memmap.rows()[0]._fields == ("start", "end", "map", "type")
    assert [(r.start, r.end) for r in memmap.rows()] == [
        (e["start"], e["end"]) for m in expected["maps"] for e in m["entries"]
    ]
    assert memmap.ram_bytes() == sum(
        r["end"] - r["start"] + 1
        for r in expected["next"]["regions"]
        if r["kind"] in ("ram", "in-use")
    )
    assert [r.kind for r in memmap.regions] == [r["kind"] for r in expected["next"]["regions"]]
    limited = hwpkho.read_memmap(IOMEM, next_cmdline="mem=64M")
    small = limited.ram_bytes()
    assert small is not None
    assert small <= 64 << 20
    # What was read is a value, with a command line too.
    assert limited == hwpkho.read_memmap(IOMEM, next_cmdline="mem=64M")
    assert limited not in (memmap, hwpkho.read_memmap(IOMEM, next_cmdline="mem=65M"))
    assert pickle.loads(pickle.dumps(limited)) == limited


def test_an_open_case_reads_memory() -> None:
    with hwpkho.open_case(IMAGE) as case:
        handover = case.decode().handover()
        assert handover.root is not None
        assert handover.root.phys is not None
        assert case.read(handover.root.phys, 4) == b"\xd0\x0d\xfe\xed"
        assert case.read(1 << 50, 4) is None
        assert case.extents()[0][1] > 0
    with hwpkho.open_case(DEBUGFS) as copies:
        assert copies.read(0, 4) is None
        assert copies.extents() == []
        with pytest.raises(hwpkho.InputError, match="no memory to annotate; give the memory"):
            list(copies.annotate())


#: Calls with a wrong parameter, and how the message names it.
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: hwpkho.build([1], scratch=[(0, 4096)]), "at=PHYS, or ram=[(START, SIZE)]"),
    (lambda: hwpkho.build([1], at=1), "at=0x1 is not the address"),
    (lambda: hwpkho.validate(IMAGE, map_name="iomem"), "map_name"),
    (lambda: hwpkho.validate(IMAGE, memmap=IOMEM, base=16), "base"),
    (lambda: hwpkho.merge(IMAGE, keep_all=True), "keep_all goes with memmap"),
    (lambda: hwpkho.decode(IMAGE, page_size=65536), "page_size says 65536"),
    (lambda: hwpkho.diff(IMAGE, IMAGE, iomem_of="next"), "iomem_of"),
]  # fmt: skip


def test_errors_name_parameters(subtests: pytest.Subtests) -> None:
    for call, says in WRONG:
        with subtests.test(says):
            with pytest.raises((hwpkho.UsageError, hwpkho.InputError)) as caught:
                call()
            text = str(caught.value)
            assert says in text
            assert not re.search(r"(?<!\w)--[a-z]", text)


def test_errors_leave_the_names_of_files_alone(tmp_path: Path) -> None:
    """A file may be called like an option; the command line spells options, before and after."""
    path = tmp_path / "a --memmap b"
    path.write_text("00100000-7fffffff : System RAM\n")
    with pytest.raises(hwpkho.InputError) as caught:
        hwpkho.validate(path)
    assert str(caught.value).startswith(f"{path}: this is a memory map")
    assert str(caught.value).endswith("give it with memmap")
    assert run_cli("validate", path).err.endswith("give it with --memmap\n")


def test_a_code_is_explained() -> None:
    code = hwpkho.explain("count-beyond-array")
    assert hwpkho.explain("hp301") == code
    assert code.kernel
    with pytest.raises(hwpkho.UsageError, match="no code 'HP999'"):
        hwpkho.explain("HP999")
    with pytest.raises(TypeError, match="code: expected a string, not int"):
        hwpkho.explain(301)  # type: ignore[arg-type]


def test_unknown_parameters_are_refused(subtests: pytest.Subtests) -> None:
    names = ("decode", "validate", "read_list", "diff", "merge")
    for name in names:
        with (
            subtests.test(name),
            pytest.raises(TypeError, match="unexpected keyword argument 'memory_map'"),
        ):
            getattr(hwpkho, name)(IMAGE, memory_map=IOMEM)


@pytest.mark.slow  # mypy reads all of hwpkho
def test_the_examples_of_the_pages_are_typed(tmp_path: Path) -> None:
    for page in pages.PAGES:
        for number, code in enumerate(pages.python(page)):
            (tmp_path / f"{page.stem.replace('-', '_')}_{number}.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=",
         "--cache-dir", ROOT / ".mypy_cache", *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


#: What a function does not take, and what is said.
NOT_TAKEN: list[tuple[str, dict[str, Any], str]] = [
    ("read_list", {"base": 7}, "base=7 is not one of 10, 16"),
    ("validate", {"role": "x"}, "role='x' is not one of None, 'in', 'out'"),
    ("validate", {"iomem_of": "z"}, "iomem_of='z' is not one of 'running'"),
    ("validate", {"fail_on": "z"}, "fail_on='z' is not one of 'error'"),
    ("validate", {"consumer_efi": "z"}, "consumer_efi='z' is not one of 'a', 'b'"),
    ("validate", {"max_fraction": 3}, "max_fraction=3 is not from 0 to 1"),
    ("validate", {"max_pages": -1}, "max_pages=-1 is not 0 or more"),
    ("decode", {"root_fdt": -4}, "root_fdt=-4 is not from 0"),
    ("decode", {"kho_scratch": "z"}, "kho_scratch='z' is not .address, bytes. or "),
    ("merge", {"to_page_size": 5}, "to_page_size=5 is not one of None, 4096"),
    ("write_list", {"out": "x", "kinds": ["z"]}, "kinds='z' is not one of 'poisoned'"),
    ("write_list", {"out": "x", "max_loss": -1}, "max_loss=-1 is not 0 or more"),
]


def test_what_a_parameter_takes(tmp_path: Path, subtests: pytest.Subtests) -> None:
    path = tmp_path / "list"
    path.write_text("0x10\n")
    for function, parameters, words in NOT_TAKEN:
        with (
            subtests.test(f"{function} {parameters}"),
            pytest.raises(hwpkho.UsageError, match=words),
        ):
            getattr(hwpkho, function)(path, **parameters)


#: The same of build().
NOT_BUILT: list[tuple[dict[str, Any], str]] = [
    ({"revision": "z"}, "revision='z' is not one of None"),
    ({"order": 99}, "order=99 is not from 0 to"),
    ({"capacity": 0}, "capacity=0 is not from 1 to"),
    ({"kexec_count": -1}, "kexec_count=-1 is not from 0"),
    ({"previous_release": "x" * 65}, "previous_release: a kernel release has at most 64"),
    ({"previous_release": "\u2026"}, "previous_release: a kernel release is ASCII"),
    ({"previous_release": "x\0"}, "previous_release: a kernel release has no NUL"),
    ({"damage": "nope"}, "damage='nope' is not one of None, 'root-magic', "),
]


def test_what_build_takes(subtests: pytest.Subtests) -> None:
    for parameters, words in NOT_BUILT:
        with subtests.test(str(parameters)), pytest.raises(hwpkho.UsageError, match=words):
            hwpkho.build([1], at=1 << 30, **parameters)


def test_rows_are_of_the_machine_that_has_such_pages() -> None:
    """The first MiB is in use on x86 alone, and pages of 64 KiB are arm64's."""
    rows = [(0, 0x3FFFFFFF, "System RAM")]
    verdicts = [hwpkho.judge([1], rows, page_size=size).rows()[0].verdict for size in (4096, 65536)]
    assert verdicts == ["in-use", "replays"]
    assert hwpkho.judge([1], rows, page_size=65536).to_dict()["arch"] == "arm64"


def test_a_map_that_was_read_is_judged_by_as_its_file_is(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    two = tmp_path / "two.txt"
    two.write_text(
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
        "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
        "user-defined physical RAM map:\n"
        "user: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
        "user: [mem 0x0000000000100000-0x000000001fffffff] usable\n"
    )
    listed = tmp_path / "pfns.txt"
    pfns = [0x10000, 0x30000]
    listed.write_text("0x10000 0x30000\n")
    every: list[dict[str, Any]] = [{}, {"map_name": "e820_firmware"}, {"next_cmdline": "mem=128M"}]
    verdicts = set()
    for options in every:
        with subtests.test(str(options)):
            by_file = hwpkho.validate(listed, memmap=two, **options)
            judged = hwpkho.judge(pfns, hwpkho.read_memmap(two, **options))
            assert judged.rows() == by_file.rows()
            verdicts.add(tuple(row.verdict for row in judged.rows()))
    assert len(verdicts) == len(every)
    limited = hwpkho.read_memmap(two, next_cmdline="mem=128M")
    for said in ("", "mem=256M"):
        with subtests.test(next_cmdline=said):
            judged = hwpkho.judge(pfns, limited, next_cmdline=said)
            assert judged.rows() == hwpkho.judge(pfns, two, next_cmdline=said).rows()


def test_what_is_odd_about_a_map_that_was_read_is_told() -> None:
    read = hwpkho.read_memmap(ROOT / "fixtures/memmaps/13-damaged/efi-hikey-3.18-wrap80.txt")
    codes = {p.code for p in read.problems}
    assert codes
    assert codes <= {f.code for f in hwpkho.judge([0x10000], read).findings}


def test_what_judge_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwpkho.api.parameters.MAX_PFNS", 3)
    with pytest.raises(hwpkho.UsageError, match=r"^pfns: more than 3 PFNs$"):
        hwpkho.judge(count())
    with pytest.raises(hwpkho.UsageError, match="page_size=5 is not one of 4096"):
        hwpkho.judge([1], page_size=5)
    with pytest.raises(hwpkho.UsageError, match="arch='z' is not one of None, 'x86_64'"):
        hwpkho.judge([1], arch="z")
    with pytest.raises(hwpkho.UsageError, match="arch=x86_64 has pages of 4096 bytes, not 65536"):
        hwpkho.judge([1], [(0, 0xFFFF, "System RAM")], page_size=65536, arch="x86_64")
    with pytest.raises(hwpkho.InputError, match="is of x86_64, which has 4096"):
        hwpkho.judge(
            [1],
            hwpkho.read_memmap(
                ROOT / "fixtures/memmaps/01-dmesg-e820/apple-or-desktop-blank-prefix.txt"
            ),
            page_size=65536,
        )


def test_something_must_be_named(subtests: pytest.Subtests) -> None:
    with pytest.raises(hwpkho.UsageError, match="no input is given"):
        hwpkho.decode([])
    for call, says in ((hwpkho.merge, "merge needs a list"), (hwpkho.diff, "diff needs two lists")):
        with subtests.test(says), pytest.raises(hwpkho.UsageError, match=says):
            call()


def test_what_is_no_file_of_bytes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("0x10\n")
    wrong: Any
    with path.open() as wrong, pytest.raises(TypeError, match="not a file open for text"):
        hwpkho.read_list(wrong)
    wrong = 3
    with pytest.raises(TypeError, match="a file open for reading bytes, not int"):
        hwpkho.validate(wrong)


def test_what_no_registry_knows(capture, subtests) -> None:
    image = str(capture("x86-structv1-small"))
    for call, words in (
        (lambda: hwpkho.validate(image, consumer_kho=9), "consumer_kho=9 is not one of 1, 2"),
        (lambda: hwpkho.build([1], at=1 << 30, kho=9), "kho=9 is not one of 1, 2"),
        (lambda: hwpkho.build([1], at=1 << 30, arch="sparc"), "arch='sparc' is not one of"),
        (lambda: hwpkho.build([1], at=1 << 30, page_size=8192), "page_size=8192 is not one of"),
        (
            lambda: hwpkho.build([1], at=1 << 30, page_size=16384, arch="x86_64"),
            "page_size=16384: x86_64 has pages of 4096 bytes",
        ),
        (
            lambda: hwpkho.validate(image, arch="sparc"),
            "arch='sparc' is not one of None, 'x86_64', 'arm64'",
        ),
        (lambda: hwpkho.validate(image, page_size=8192), "page_size=8192 is not one of"),
    ):
        with subtests.test(words), pytest.raises(hwpkho.UsageError, match=words):
            call()


def test_a_table_is_held_against_lists(tmp_path: Path, cli: Cli) -> None:
    """``against`` takes files, open files, and what was read; ``efi`` is what --json has."""
    image = efi.unpack("b-gen1", tmp_path)
    iomem = efi.EFI / "captures" / "b-gen1" / "iomem.txt"
    known, soft = tmp_path / "known.txt", tmp_path / "soft.txt"
    known.write_text("0x9000\n")
    soft.write_text("0x1fdf9 0x18f0 0x7777-0x7779\n")
    expected = cli("validate", "--json", image, "--memmap", iomem, "--against", known,
                   "--against", soft)  # fmt: skip
    judged = hwpkho.validate(image, memmap=iomem, against=[known, hwpkho.read_list(soft)])
    assert judged.to_dict() == expected.json
    assert judged.ok == (expected.code == 0)
    assert isinstance(judged.efi, hwpkho.EfiJudged)
    held = judged.efi.against[1]
    assert isinstance(held, hwpkho.HeldAgainst)
    assert (held.name, held.pages) == (str(soft), 5)
    assert held.to_json()["uncovered"] == [[0x7777, 0x7779]]
    with hwpkho.open_case(image) as case, soft.open("rb") as file:
        again = case.validate(memmap=iomem, against=[known, file])
    assert again.efi is not None
    assert again.efi.against[1].to_json() == {**held.to_json(), "name": again.efi.against[1].name}
    with pytest.raises(hwpkho.UsageError, match="against has no effect"):
        hwpkho.validate(soft, against=[known])


def test_a_table_is_written_as_the_command_line_does(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "list").write_text("0x50001\n0x5\n")
    args = ["list", tmp_path / "list", "--to", "efi-table", "-o", tmp_path / "t"]
    assert cli(*args, "--layout", "bitmap-base", "--unit", "64K", "--phys-base", "0x50000000").code
    out = io.BytesIO()
    lost = hwpkho.write_list(tmp_path / "list", out, to="efi-table", layout="bitmap-base",
                             unit=65536, phys_base=0x50000000)  # fmt: skip
    assert (out.getvalue(), lost) == ((tmp_path / "t").read_bytes(), hwpkho.Loss(15, 1))
    image = tmp_path / "image.elf"
    hwpkho.write_list(tmp_path / "list", image, to="efi-table", layout="list", at=0x1000)
    assert hwpkho.decode(image).tables[0].phys == 0x1000
    with pytest.raises(hwpkho.UsageError, match="unit has no effect"):
        hwpkho.write_list(tmp_path / "list", out, to="csv", unit=65536)


class Shown:
    """Physical memory as a debugger shows it: a case's, and what was asked for."""

    def __init__(self, case: hwpkho.Case) -> None:
        self._case, self.asked = case, list[int]()

    def read(self, phys: int, size: int) -> bytes | None:
        self.asked.append(size)
        return self._case.read(phys, size)


@pytest.mark.parametrize("name", ["x86-structv1-small", "luo-huge", POST, "arm64-64k-B"])
def test_memory_that_a_program_reads(name: str, capture: Callable[[str], Path]) -> None:
    """Searched, and with the root FDTs known: the same handovers as in the file."""
    with hwpkho.open_case(capture(name)) as case:
        shown, expected, text = Shown(case), case.decode().to_dict(), case.decode().to_text()
        handovers = expected["handovers"]
        one = handovers[-1]
        told: dict[str, Any] = {"name": case.name, "arch": one["arch"]}
        told["page_size"] = one["page_size"]
        with hwpkho.open_memory(shown, case.extents(), **told) as searched:
            assert searched.decode().to_dict()["handovers"] == handovers
            assert searched.decode().to_text() == text
            lines = [re.sub(r"( bytes), \S+ at 0x[0-9a-f]+", r"\1", x) for x in case.annotate()]
            assert list(searched.annotate()) == lines
        roles: dict[Any, int] = {h["role"] or "out": h["root"]["phys"] for h in handovers}
        with hwpkho.open_memory(shown, case.extents(), roots=roles, **told) as known:
            found = known.decode().to_dict()["handovers"]
            assert [h["role"] for h in found] == list(roles)
            apart = ("role", "problems")
            assert [without(h, *apart) for h in found] == [without(h, *apart) for h in handovers]


@pytest.mark.slow
def test_no_more_is_asked_of_a_program_at_once_than_is_said() -> None:
    class Filled:
        def read(self, phys: int, size: int) -> bytes | None:
            assert 1 <= size <= 1 << 20
            return image.read(phys, size) or (bytes(size) if phys < 8 << 20 else None)

    root = hwpkho.decode(IMAGE).handover().root
    roots: dict[Any, Any] = {"out": root and root.phys}
    with (
        hwpkho.open_case(IMAGE) as image,
        hwpkho.open_memory(Filled(), [(0, 8 << 20)], roots=roots, arch="x86_64") as filled,
    ):
        assert len(filled.read(1, (8 << 20) - 1) or b"") == (8 << 20) - 1
        assert filled.read(1, 9 << 20) is None


def test_the_text_is_what_the_command_prints(cli: Cli) -> None:
    assert hwpkho.decode(IMAGE).to_text() == cli("decode", IMAGE).out


def test_memory_that_a_program_reads_is_judged() -> None:
    expected = hwpkho.validate(str(IMAGE), memmap=str(IOMEM)).to_dict()
    with (
        hwpkho.open_case(IMAGE) as case,
        hwpkho.open_memory(Shown(case), case.extents(), name=case.name, arch="x86_64") as ours,
    ):
        assert without(ours.validate(memmap=str(IOMEM)).to_dict(), "source") == without(
            expected, "source"
        )


def test_what_a_program_reads_is_checked() -> None:
    class Short:
        def read(self, phys: int, size: int) -> bytes:
            return bytes(size - 1)

    class Nothing:
        def read(self, phys: int, size: int) -> None:
            return None

    class Text:
        def read(self, phys: int, size: int) -> str:
            return "x" * size

    class Broken:
        def read(self, phys: int, size: int) -> bytes:
            raise RuntimeError("the debugger's own")

    def opened(memory: Any, **options: Any) -> hwpkho.Case:
        with hwpkho.open_memory(memory, [(0, 1 << 22)], arch="x86_64", **options) as case:
            return case

    with pytest.raises(hwpkho.InputError, match=r"gdb\\x1b: 1048575 of 1048576 bytes were read"):
        opened(Short(), name="gdb\x1b")
    with pytest.raises(hwpkho.InputError, match="no root FDT in 4194304 bytes of memory"):
        opened(Nothing())
    with pytest.raises(TypeError, match=r"gdb: read\(\) gives str, expected bytes"):
        opened(Text(), name="gdb")
    with pytest.raises(RuntimeError, match="the debugger's own"):
        opened(Broken())
    with pytest.raises(hwpkho.UsageError, match="roots='both' is not one of 'in', 'out'"):
        opened(Nothing(), roots={"both": 0})
    with pytest.raises(hwpkho.UsageError, match="roots=-1 is not"):
        opened(Nothing(), roots={"in": -1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'role'"):
        opened(Nothing(), role="in")


def test_nothing_is_searched_where_the_roots_are_known() -> None:
    """All of a large machine's memory is read through a debugger otherwise."""
    with hwpkho.open_case(IMAGE) as case:
        (handover,) = case.decode().to_dict()["handovers"]
        shown = Shown(case)
        roots: dict[Any, int] = {"out": handover["root"]["phys"]}
        vast = [(0, 1 << 44)]
        with hwpkho.open_memory(shown, vast, roots=roots, arch="x86_64") as ours:
            assert ours.decode().pfns == LISTED
        assert sum(shown.asked) < 1 << 20
