"""capture: what is kept decodes and validates as the original does, and holds nothing else."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt, luo
from hwpkho.abi.scratch import build_scratch
from hwpkho.commands import capture
from hwpkho.errors import InputError, UsageError
from hwpkho.images.capture_note import CaptureNote
from hwpkho.inputs.case import read_inputs
from hwpkho.judging.efi_table.generations import GENERATIONS
from hwpkho.live.machine import Live
from tests.support import FIXTURES, captures, efi, schemas
from tests.support.examples import crossed, some, times
from tests.support.handovers import Machine, Made, note
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import PFN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = sorted(p.name for p in (FIXTURES / "captures").iterdir() if p.is_dir())
PFNS = [0x1000, 0x2222, 0x1001]


def _decoded(cli: Callable[..., Any], *args: object) -> Any:
    result = cli("decode", "--json", *args)
    assert result.code in (0, 1), result.err
    document = result.json
    for handover in document["handovers"]:
        del handover["source"]
    return document


@pytest.mark.parametrize(("name", "more"), crossed(NAMES, [[], ["--no-scrub"]], 8))
def test_a_crop_says_what_the_original_says(
    name: str, more: list[str], cli: Any, capture: Any, tmp_path: Path
) -> None:
    source, out = capture(name), tmp_path / "small.elf"
    made = cli("capture", "--json", source, "-o", out, *more)
    assert (made.code, made.err) == (0, "")
    schemas.check(made.json, "capture")
    assert made.json["scrubbed"] is not bool(more)
    original = _decoded(cli, source)
    assert _decoded(cli, out) == original
    assert [h["count"] for h in made.json["handovers"]] == [
        h["hwpoison"] and h["hwpoison"]["count"] for h in original["handovers"]
    ]
    plain = cli("validate", "--json", source)
    again = cli("validate", "--json", out)
    assert plain.code == again.code
    assert plain.json == again.json


@pytest.mark.parametrize("more", [[], ["--no-scrub"]])
@pytest.mark.parametrize("name", some(efi.NAMES, 4))
def test_an_efi_table_and_its_entry_are_kept(
    name: str, more: list[str], cli: Any, tmp_path: Path
) -> None:
    source, out = efi.unpack(name, tmp_path), tmp_path / "small.elf"
    size = ("--page-size", efi.truth(name)["page_size"])
    got = cli("capture", "--json", *size, source, "-o", out, *more)
    assert got.code == 0, got.err
    schemas.check(got.json, "capture")
    shown = [_decoded(cli, path) for path in (source, out)]
    for document in shown:
        (table,) = document["efi_poisoned_memory"]
        del table["source"]
    assert shown[0] == shown[1]
    assert got.json["efi_tables"] == [{"phys": table["phys"], "layout": table["layout"]}]
    assert out.stat().st_size < source.stat().st_size


@pytest.mark.parametrize(
    ("raw", "reads"),
    [
        (efi.table([(5, 6)], base=0x1000), "c2"),  # c takes the base for its size
        (efi.table([(5, 6)], base=1 << 40), "b"),
        (efi.table([(5, 6)], "bitmap", size=12), "c1"),
        (efi.table([(5, 6)]), "d2"),
        # Generation a follows what no layout has, here into a node that counts 300 entries.
        (efi.node(following=0x1FB74020, room=0).ljust(32, b"\0") + efi.node(used=300), "a"),
        (
            efi.node(following=0x1FB74020, room=0).ljust(32, b"\0") + efi.node([(efi.UNIT, 4096)]),
            "a",
        ),
    ],
    ids=["base 0x1000", "base 1 TiB", "odd size", "sound", "a damaged root", "a node in its page"],
)
def test_a_table_is_judged_in_a_capture_by_every_generation(
    raw: bytes, reads: str, cli: Any, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """A kernel reads a table as its own generation has it: its bytes are kept, and no more."""
    folder, out = tmp_path / "image", tmp_path / "small.elf"
    folder.mkdir()
    page = (raw + b"\0" * 16 + b"SECRET").ljust(4096, b"\xa5")
    (folder / "0x1fb74000.bin").write_bytes(page)
    more = ["--efi-table", "0x1fb74000", "--arch", "x86_64"]
    assert cli("capture", *more, folder, "-o", out).code == 0
    iomem = efi.EFI / "iomem-x86-512m.txt"
    for consumer in (reads, *GENERATIONS.names()):
        with subtests.test(consumer):
            how = ["validate", "--json", *more, "--memmap", iomem, "--consumer-efi", consumer]
            small, whole = (cli(*how, path).json["efi"] for path in (out, folder))
            assert small == whole
    assert b"SECRET" not in out.read_bytes()


@pytest.mark.parametrize("name", some(NAMES, 2))
def test_with_a_copy_of_debugfs(name: str, cli: Any, capture: Any, tmp_path: Path) -> None:
    debugfs = FIXTURES / "captures" / name / "debugfs-kho"
    if not debugfs.is_dir():
        pytest.skip("this capture has no copy of debugfs")
    out = tmp_path / "small.elf"
    assert cli("capture", capture(name), debugfs, "-o", out).code == 0
    assert _decoded(cli, out) == _decoded(cli, capture(name), debugfs)


def _dirty(folder: Path, stale: int = 0x4141_4141_4141_4141) -> Path:
    m = Machine(arch="arm64")
    m.handover(PFNS, stale=stale)
    m.put(b"SECRET" * 100)
    return m.save(folder)


def test_what_stands_past_the_count_is_not_kept(tmp_path: Path, cli: Any) -> None:
    source, out = _dirty(tmp_path), tmp_path / "small.elf"
    assert source.read_bytes().count(b"A" * 8) > 100
    assert cli("capture", source, "-o", out, "--page-size", 4096).code == 0
    assert b"A" * 8 not in out.read_bytes()
    assert cli("capture", source, "-f", "-o", out, "--no-scrub", "--page-size", 4096).code == 0
    assert out.read_bytes().count(b"A" * 8) > 100


@pytest.mark.parametrize("more", [[], ["--no-scrub"]])
def test_other_pages_are_not_kept(tmp_path: Path, cli: Any, more: list[str]) -> None:
    source, out = _dirty(tmp_path), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out, "--page-size", 4096, *more).code == 0
    assert b"SECRET" in source.read_bytes()
    assert b"SECRET" not in out.read_bytes()


def test_what_the_boot_loader_passed_on_is_kept(tmp_path: Path, cli: Any) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("0x50001\n0x50002\n")
    made = tmp_path / "handover"
    cli(
        "encode", listed, "--at", "0x60000000", "--scratch", "0x50000000:0x4000000",
        "--arch", "arm64", "--to", "segments", "-o", made,
    )  # fmt: skip
    out = tmp_path / "small.elf"
    assert cli("capture", made, "-o", out).code == 0
    document = _decoded(cli, out)
    assert document == _decoded(cli, made)
    assert document["handovers"][0]["scratch"]["areas"] == [[0x5000_0000, 0x400_0000]]
    iomem = tmp_path / "iomem"
    iomem.write_text("60000000-6fffffff : System RAM\n")  # scratch is outside: no map is doubted
    one, two = (cli("validate", path, "--memmap", iomem, "--json").json for path in (made, out))
    assert one["outcome"] == "crash"
    assert one["findings"] == two["findings"]


def test_a_truncated_image_is_said_to_be_one(tmp_path: Path, cli: Any) -> None:
    source = _dirty(tmp_path)
    raw = source.read_bytes()
    source.write_bytes(raw[: raw.index(b"SECRET")])
    result = cli("capture", source, "-o", tmp_path / "small.elf", "--page-size", 4096)
    assert result.code == 0
    assert "no longer has this problem" in result.err


def test_refusals(tmp_path: Path, cli: Any, capture: Any, subtests: pytest.Subtests) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("1\n")
    out = tmp_path / "small.elf"
    for args, code, word in (
        ([listed, "-o", out], 3, "needs a memory image"),
        ([FIXTURES / "captures/x86-empty/debugfs-kho", "-o", out], 3, "holds no memory"),
        ([capture("x86-empty")], 2, "-o OUT"),
        ([capture("x86-empty"), "-o", listed], 2, "exists"),
    ):
        with subtests.test(word):
            result = cli("capture", *args)
            assert (result.code, word in result.err) == (code, True), result.err
            assert not out.exists()


# --- a later generation ---------------------------------------------------------------------------


@dataclass
class Later:
    """A running second kernel: its memory, what it must hand over, and what is free since."""

    machine: Machine
    incoming: Made
    outgoing: Made
    own: set[int]
    before: dict[int, bytes]


#: What stands in every page that is nobody's business.
SECRET = b"/home/somebody/secret "
AREAS = [(0x9000_0000, 0x100_0000)]


def _used(m: Machine, rng: random.Random, targets: list[int]) -> bytes:
    """Return a page as a running kernel uses it: words that lead to other pages, and text.

    Some addresses are good, some odd, some none: read as a tracker or as chunks it leads through
    all memory.
    """
    words = [rng.choice(targets) + rng.choice([0, 0, 0, 8, 0x1001]) for _ in range(40)]
    words += [rng.getrandbits(64) for _ in range(rng.choice([0, 0, 4]))]
    rng.shuffle(words)
    page = struct.pack(f"<{len(words)}Q", *words) + SECRET * 3
    return page.ljust(m.page_size, b"\0")


def _later(arch: str, page_size: int, seed: int = 1, filler: int = 120) -> Later:
    """Make a second generation, as arm64 with 16 KiB pages was seen: nothing freed is still there.

    Beside it lies a guest's memory that holds what is looked for as well: a root FDT, a device tree
    that hands something over, boot_params.
    """
    rng = random.Random(seed)
    m = Machine(page_size, arch)
    incoming = m.handover(PFNS, kexec_count=1, mark=lambda b: [*b, (0x20_0000_0000, 3)])
    array = m.put(build_scratch(AREAS))
    outgoing = m.handover([*PFNS, 0x3333], kexec_count=2)
    if arch == "x86_64":
        m.boot_data(incoming, AREAS)
    else:
        tree = _board(incoming, page_size, array).ljust(page_size, b"\0")
        m.memory[AREAS[0][0] + 8 * page_size] = tree
    others = [m.put() for _ in range(filler)]
    freed = [*incoming.nodes, *incoming.chunks, *incoming.pages]
    before = {at: m.memory[at] for at in freed}
    for at in (*others, *freed):
        m.memory[at] = _used(m, rng, [*others, *freed])
    guest = Machine(page_size, arch, at=0x1_0000_0000)  # where it thinks that it is
    inner = guest.handover([1], kexec_count=7)
    guest.boot_data(inner, [(0x1000, 0x1000)])
    guest.put(_board(inner, page_size, array))
    for at, page in guest.memory.items():
        m.memory[at - guest.at + 0x8000_0000] = page[:-64] + SECRET.ljust(64, b"\0")
    own = {incoming.root, incoming.metadata, incoming.blob, outgoing.root, outgoing.metadata}
    own |= {outgoing.blob, *outgoing.chunks, *outgoing.pages, *outgoing.nodes}
    own |= {array, incoming.tracker}
    own |= {at for at, page in m.memory.items() if page.startswith(build_scratch(AREAS))}
    return Later(m, incoming, outgoing, own, before)


def _board(made: Made, page_size: int, array: int) -> bytes:
    """Return a device tree that hands ``made`` over."""
    values = {
        "linux,kho-fdt": struct.pack(">QQ", made.root, page_size),
        "linux,kho-scratch": struct.pack(">QQ", array, 16 * len(AREAS)),
        "bootargs": SECRET + b"\0",
    }
    chosen = fdt.Node("chosen", properties=[fdt.Property(n, v, 0) for n, v in values.items()])
    cells = struct.pack(">I", 2)
    return fdt.build(
        fdt.Node(
            "",
            properties=[
                fdt.Property("#address-cells", cells, 0),
                fdt.Property("#size-cells", cells, 0),
            ],
            children=[chosen],
        )
    )


@pytest.mark.parametrize("name", some(NAMES, 2))
def test_of_a_real_machine_only_its_own_pages_are_kept(
    name: str, cli: Any, capture: Any, tmp_path: Path
) -> None:
    """Nothing of a consumed list but its blob; of a tracker that is gone a page without content."""
    source, out = capture(name), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out, "--no-scrub").code == 0
    size = captures.truth(name)["page_size"]
    own, gone = set(), set()
    for h in _decoded(cli, source)["handovers"]:
        root, w = h["root"], h["hwpoison"] or {}
        own |= {root["phys"], root["memory_map"], (h["scratch"] or {}).get("array")}
        own |= {s["phys"] for s in root["subtrees"]} | {*(w.get("chunks") or [])}
        own |= {*(w.get("pages") or [])}
        for owned in h["preserved"] or ():
            if owned["kind"] == "luo":
                own |= {pfn * size for a, b in owned["ranges"] for pfn in range(a, b + 1)}
        if h["tracker"] == "gone":
            gone.add(root["memory_map"])
        if any(p["code"] == "HP205" for p in h["problems"]):
            own.add(max(start + len(d) for start, d in captures.segments(captures.elf(name))) - 1)
    nodes = {
        at for h in read_inputs([str(source)]).handovers if h.walk and h.tracker != "gone"
        for at in h.walk.nodes
    }  # fmt: skip
    allowed = {at & -size for at in (*own, *nodes) if at is not None}
    assert _pages(out, size) <= allowed
    assert [
        at
        for start, data in captures.segments(out.read_bytes())
        for at in gone & set(range(start, start + len(data), size))
        if any(data[at - start : at - start + size])
    ] == []


KERNELS = [("x86_64", 4096), ("arm64", 4096), ("arm64", 16384), ("arm64", 65536)]


def _pages(core: Path, page_size: int) -> set[int]:
    return {
        page
        for start, data in captures.segments(core.read_bytes())
        for page in range(start & -page_size, start + len(data), page_size)
    }


@pytest.mark.parametrize(("kernel", "more"), crossed(KERNELS, [[], ["--no-scrub"]], 4))
def test_of_a_later_generation_only_its_own_pages_are_kept(
    kernel: tuple[str, int], more: list[str], tmp_path: Path, cli: Any
) -> None:
    page_size = kernel[1]
    later = _later(*kernel)
    source, out = later.machine.save(tmp_path), tmp_path / "small.elf"
    plain = ["--page-size", page_size]
    result = cli("capture", source, "-o", out, *plain, *more)
    assert result.code == 0, result.err
    assert _pages(out, page_size) <= later.own
    assert SECRET not in out.read_bytes()
    document = _decoded(cli, source, *plain)
    assert [h["role"] for h in document["handovers"]] == ["in", "out"]
    assert [h["tracker"] for h in document["handovers"]] == ["gone", "complete"]
    assert _decoded(cli, out) == document
    assert cli("validate", "--json", out).json == cli("validate", "--json", source, *plain).json
    kept = int(result.err.split()[-5])
    assert kept == len(_pages(out, page_size))


@pytest.mark.parametrize(("arch", "page_size"), KERNELS)
def test_whole_pages_of_the_kernel_are_kept(
    arch: str, page_size: int, tmp_path: Path, cli: Any
) -> None:
    """A page is there as a whole or not at all, whatever of it was read."""
    source, out = _later(arch, page_size).machine.save(tmp_path), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out, "--page-size", page_size).code == 0
    areas = [(start, len(data)) for start, data in captures.segments(out.read_bytes())]
    assert [area for area in areas if area[0] % page_size or area[1] % page_size] == []


def test_a_subtree_of_no_bytes_is_there_in_the_capture_too(tmp_path: Path, cli: Any) -> None:
    made = Machine()
    made.handover([1], subtrees=[("LUO", b"")])
    original = made.save(tmp_path)
    assert cli("capture", original, "-o", tmp_path / "core").code == 0
    found = _decoded(cli, tmp_path / "core")
    assert found == _decoded(cli, original)
    assert "HP901" in {p["code"] for p in found["handovers"][0]["problems"]}


def test_what_is_in_the_image_in_part_is_kept_in_part(tmp_path: Path, cli: Any) -> None:
    later = _later("arm64", 65536)
    root = later.outgoing.root
    later.machine.memory[root] = later.machine.memory[root][:4096]
    source, out = later.machine.save(tmp_path), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out).code == 0
    assert _decoded(cli, out) == _decoded(cli, source)
    ends = {start: start + len(data) for start, data in captures.segments(out.read_bytes())}
    assert ends[root] <= root + 4096


def test_the_page_size_is_proven_without_keeping_the_proof(tmp_path: Path, cli: Any) -> None:
    """Trackers are read with every page size that fits, and only one of them is right."""
    later = _later("arm64", 16384)
    source, out = later.machine.save(tmp_path), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out).code == 0
    assert _pages(out, 16384) <= later.own
    assert _decoded(cli, out) == _decoded(cli, source)


@given(seed=st.integers(0, 1 << 16), kernel=st.sampled_from(KERNELS))
@times(0.2)
def test_whatever_stands_where_a_tracker_was(
    seed: int, kernel: tuple[str, int], tmp_path: Path, cli: Any
) -> None:
    later = _later(*kernel, seed=seed, filler=20)
    source, out = later.machine.save(tmp_path), tmp_path / "small.elf"
    plain = ["--page-size", kernel[1]]
    assert cli("capture", source, "-f", "-o", out, *plain).code == 0
    assert _decoded(cli, out) == _decoded(cli, source, *plain)
    assert _pages(out, kernel[1]) <= later.own
    assert SECRET not in out.read_bytes()


@pytest.mark.parametrize("which", [-1, -2])
def test_a_tracker_that_was_reused_in_part_is_gone(which: int, tmp_path: Path, cli: Any) -> None:
    """Its root still leads to other pages of it; one holds something else by now."""
    later = _later("arm64", 4096)
    nodes = later.incoming.nodes
    kept = set(nodes) - {nodes[which]}
    later.machine.memory.update({at: later.before[at] for at in kept})
    source, out = later.machine.save(tmp_path), tmp_path / "small.elf"
    document = _decoded(cli, source)
    assert [h["tracker"] for h in document["handovers"]] == ["gone", "complete"]
    assert not [p for p in document["handovers"][0]["problems"] if p["severity"] == "error"]
    assert cli("capture", source, "-o", out).code == 0
    assert _decoded(cli, out) == document
    assert _pages(out, 4096) <= later.own
    assert SECRET not in out.read_bytes()


def test_pages_that_were_passed_over_are_told_not_kept(tmp_path: Path, cli: Any) -> None:
    later = _later("x86_64", 4096)
    m = later.machine
    copied = m.put(m.memory[later.outgoing.root])
    older = m.handover([5], kexec_count=0)
    source, out = m.save(tmp_path), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out).code == 0
    document = _decoded(cli, out)
    assert document == _decoded(cli, source)
    passed = {p["phys"] for p in document["handovers"][-1]["problems"] if p["code"] == "HP104"}
    assert passed >= {copied, older.root}
    assert not _pages(out, 4096) & {copied, older.root}
    again = tmp_path / "again.elf"
    assert cli("capture", out, "-o", again).code == 0
    assert _decoded(cli, again) == document
    assert _pages(again, 4096) == _pages(out, 4096)


@pytest.mark.parametrize("more", [[], ["--no-scrub"]])
def test_nothing_names_the_machine_that_made_it(
    more: list[str], tmp_path: Path, cli: Any, capture: Any
) -> None:
    name = "x86-structv1-small-post"
    folder = tmp_path / "of-somebody" / "kho"
    shutil.copytree(FIXTURES / "captures" / name / "debugfs-kho", folder)
    (folder / "out/sub_fdts/odd").write_bytes(b"")
    (folder / "in/fdt").write_bytes(b"no FDT at all")
    out = tmp_path / "small.elf"
    result = cli("capture", capture(name), folder, "-o", out, *more)
    assert result.code == 0, result.err
    raw = out.read_bytes()
    words = ("of-somebody", str(tmp_path), str(capture(name)), os.uname().nodename)
    assert [word for word in words if word.encode() in raw] == []
    document = _decoded(cli, out)
    assert document == _decoded(cli, capture(name), folder)
    told = [p["message"] for h in document["handovers"] for p in h["problems"]]
    assert any("kho/out/sub_fdts/odd is empty" in text for text in told)
    assert not any(str(tmp_path) in text for text in told)


def test_nor_does_what_is_made_of_an_older_capture(
    tmp_path: Path, cli: Any, capture: Any, subtests: pytest.Subtests
) -> None:
    """The first captures have the folder of the debugfs copy in their note."""
    source, out = capture("arm64-4k-fdtv1-gen2"), tmp_path / "small.elf"
    folder = "/lab/captures"
    assert folder.encode() in source.read_bytes()
    assert cli("capture", source, "-o", out).code == 0
    assert folder.encode() not in out.read_bytes()
    assert _decoded(cli, out) == _decoded(cli, source)
    for path in (source, out):
        for command in ("decode", "validate", "merge", "decode --json"):
            with subtests.test(f"{command} {path.name}"):
                result = cli(*command.split(), path)
                assert result.code in (0, 1)
                assert folder not in result.out + result.err


def test_the_size_of_the_root_fdt_that_was_handed_over_is_kept(tmp_path: Path, cli: Any) -> None:
    m = Machine(16384, "arm64")
    made = m.handover(PFNS, kexec_count=1)
    told = {"kho_fdt": [made.root, 64], "kho_scratch": [0, 0], "page_size": 16384}
    source = m.save(tmp_path, notes=note(b"HWPKHO", json.dumps(told).encode()))
    out = tmp_path / "small.elf"
    assert cli("capture", source, "-o", out).code == 0
    first, second = (cli("validate", "--json", path) for path in (source, out))
    assert first.json == second.json
    assert first.json["outcome"] == "refused"


def test_an_architecture_that_was_told_is_kept(tmp_path: Path, cli: Any) -> None:
    """A raw image has none; the capture of it does."""
    m = Machine(4096, "arm64", gap=0)
    m.handover(PFNS, kexec_count=1)
    source = tmp_path / "memory.bin"
    source.write_bytes(b"".join(page for _, page in sorted(m.memory.items())))
    out = tmp_path / "small.elf"
    spec = f"{source}@0x40000000"
    assert cli("capture", spec, "--arch", "arm64", "--page-size", 4096, "-o", out).code == 0
    assert [h["arch"] for h in _decoded(cli, out)["handovers"]] == ["arm64"]


def test_an_architecture_may_be_told_after_the_capture(
    tmp_path: Path, cli: Any, subtests: pytest.Subtests
) -> None:
    """arm64 ignores the high bits of a node's address; elsewhere they lead out of memory."""
    m = Machine(4096, "arm64", gap=0)
    made = m.handover(PFNS, kexec_count=1)
    words = struct.unpack("<512Q", m.memory[made.tracker])
    m.memory[made.tracker] = struct.pack("<512Q", *(word and word | 1 << 60 for word in words))
    source, out = tmp_path / "memory.bin", tmp_path / "small.elf"
    source.write_bytes(b"".join(page for _, page in sorted(m.memory.items())))
    spec = f"{source}@0x40000000"
    assert cli("capture", spec, "--page-size", 4096, "-o", out).code == 0
    for arch in ("arm64", "x86_64"):
        with subtests.test(arch):
            options = ["--arch", arch, "--page-size", 4096]
            (original,) = _decoded(cli, spec, *options)["handovers"]
            assert _decoded(cli, out, *options)["handovers"] == [original]
            assert original["tracker"] == ("partial" if arch == "arm64" else "gone")


# --- the note -------------------------------------------------------------------------------------


_COPY: dict[str, Any] = {"name": "x", "role": "in", "fdt": None, "subtrees": {}, "scratch": None,
         "unusable": [], "unreadable": []}  # fmt: skip
_WORDS = {"fdt": 4096, "fdt_size": None, "scratch": 0, "scratch_size": 0, "booted": True}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "x"}, "its schema is not"),
        ({"page_size": 5}, "page_size: expected null or one of (4096, "),
        ({"iomem": 7}, "iomem: expected null or text"),
        ({"handed": [1, 2, 1 << 64]}, "not an integer below 2^64"),
        ({"handed": [1, 2]}, "handed: expected [root FDT, scratch array, length of that]"),
        ({"handed": {}}, "handed: expected [root FDT, scratch array, length of that]"),
        ({"copies": {}}, "copies: expected a list"),
        ({"copies": [3]}, "copies: expected an object with name, role, fdt, subtrees, scratch, "),
        ({"copies": [{"name": "x"}]}, "it has no role"),
        ({"copies": [{**_COPY, "subtrees": []}]}, "subtrees: expected an object"),
        ({"copies": [{**_COPY, "subtrees": {"x": 1}}]}, "a copy is not base64"),
        ({"copies": [{**_COPY, "subtrees": {"x": "\xe4"}}]}, "a copy is not base64"),
        ({"copies": [{**_COPY, "role": []}]}, "copies: role: expected in, out or null"),
        ({"copies": [{**_COPY, "scratch": [[1]]}]}, "scratch of a copy: expected [start, size]"),
        ({"copies": [{**_COPY, "scratch": 1}]}, "scratch of a copy: expected a list"),
        ({"copies": [{**_COPY, "unreadable": 1}]}, "copies: unreadable: expected a list of texts"),
        ({"boot": [{"fdt": 1}]}, "boot: expected an object with fdt, fdt_size, scratch, "),
        ({"boot": None}, "boot: expected a list"),
        ({"passed": [[]]}, "passed: expected an object with phys, why, severity; this is not one"),
        (
            {"passed": [{"phys": 1, "why": "x", "severity": {}}]},
            "passed: severity: expected one of",
        ),
        ({"copies": [_COPY] * 1000}, "copies: expected 64 at most, found 1000"),
        ({"copies": [{**_COPY, "name": 1}]}, "copies: name: expected text"),
        ({"copies": [{**_COPY, "fdt": "?"}]}, "a copy is not base64"),
        ({"copies": [{**_COPY, "unusable": [1]}]}, "copies: unusable: expected a list of texts"),
        ({"boot": [_WORDS] * 10_000}, "boot: expected 8192 at most, found 10000"),
        ({"boot": [{**_WORDS, "booted": 1}]}, "boot: booted is neither true nor false"),
        ({"passed": [{"phys": 1, "why": 1, "severity": "x"}]}, "passed: why: expected text"),
        (
            {"copies": [{**_COPY, "fdt": "A" * 200_000}]},
            "a copy: expected base64 of 131072 characters at most, found 200000",
        ),
        ({"page_size": 4096.0}, "page_size: expected null or one of (4096, "),
        ({"to_load": 1}, "to_load is neither true nor false"),
    ],
)
def test_what_makes_a_note_unusable(
    change: dict[str, Any], says: str, tmp_path: Path, cli: Any
) -> None:
    m = Machine(arch="arm64")
    m.handover(PFNS)
    document = {**json.loads(CaptureNote(page_size=4096).build()), **change}
    path = m.save(tmp_path, notes=note(b"HWPKHO-CAPTURE", json.dumps(document).encode()))
    result = cli("decode", path)
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert says in result.err


@pytest.mark.parametrize(
    ("owner", "document"),
    [
        (b"HWPKHO-CAPTURE", json.loads(CaptureNote(page_size=65536).build())),
        (b"HWPKHO", {"kho_fdt": [0, 0], "kho_scratch": [0, 0], "page_size": 65536}),
    ],
)
def test_a_note_has_pages_of_the_machine(
    owner: bytes, document: dict[str, Any], tmp_path: Path, cli: Any
) -> None:
    m = Machine(arch="x86_64")
    m.handover(PFNS)
    path = m.save(tmp_path, notes=note(owner, json.dumps(document).encode()))
    result = cli("decode", path)
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert (
        f"{owner.decode()} note: x86_64 has pages of 4096 bytes, page_size is 65536" in result.err
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("00000000-00000000 : System RAM\n", "line 1: every address of /proc/iomem is 0"),
        ("20000000-10000000 : System RAM\n" + 2 * "1000-9ffff : System RAM\n", "line 1: the range"),
    ],
)
def test_a_map_in_a_note_that_is_unusable_is_one_line(
    text: str, says: str, tmp_path: Path, cli: Any
) -> None:
    m = Machine(arch="arm64")
    m.handover(PFNS)
    document = {**json.loads(CaptureNote(page_size=4096).build()), "iomem": text}
    path = m.save(tmp_path, notes=note(b"HWPKHO-CAPTURE", json.dumps(document).encode()))
    result = cli("memmap", path)
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert says in result.err


def test_a_malformed_note_is_one_line(tmp_path: Path, cli: Any) -> None:
    m = Machine(arch="arm64")
    m.handover(PFNS)
    path = m.save(tmp_path, notes=note(b"HWPKHO-CAPTURE", b'{"schema": 1}'))
    result = cli("decode", path)
    assert result.code == 3
    assert "HWPKHO-CAPTURE note" in result.err
    assert result.err.count("\n") == 1


# --- a running kernel -----------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, capture: Any) -> Path:
    """A file system that looks like that of a machine which was captured."""
    name = "x86-structv1-small-post"
    root = tmp_path / "root"
    given = FIXTURES / "captures" / name
    shutil.copytree(given / "debugfs-kho", root / "sys/kernel/debug/kho")
    (root / "proc").mkdir()
    shutil.copy(capture(name), root / "proc/kcore")
    (root / "proc/cmdline").write_text("console=ttyS0\n")
    (root / "proc/iomem").write_text("00001000-0fffffff : System RAM\n")
    return root


def test_a_running_kernel(root: Path, tmp_path: Path, cli: Any, capture: Any) -> None:
    out = tmp_path / "live.elf"
    made = capture_running(root, out)
    assert made.pages < 100
    expected = _decoded(cli, capture("x86-structv1-small-post"), root / "sys/kernel/debug/kho")
    found = _decoded(cli, out)
    lists = [[h["hwpoison"]["pfns"] for h in d["handovers"]] for d in (found, expected)]
    assert lists[0] == lists[1]


def test_its_memory_map_is_read(root: Path, tmp_path: Path, cli: Any) -> None:
    out, map_ = tmp_path / "live.elf", root / "proc/iomem"
    shutil.copy(FIXTURES / "captures/x86-structv1-small-post/iomem.txt", map_)
    capture_running(root, out)
    shown = cli("memmap", "--json", out)
    assert shown.code == 0, shown.err
    (carried,) = shown.json["maps"]
    assert (shown.json["form"], shown.json["arch"]) == ("capture", "x86_64")
    assert carried["entries"] == cli("memmap", "--json", map_).json["maps"][0]["entries"]
    by_capture = cli("validate", "--json", out, "--memmap", out)
    assert by_capture.code in (0, 1), by_capture.err
    assert by_capture.json == cli("validate", "--json", out, "--memmap", map_).json


def test_a_core_without_a_memory_map_is_told(
    tmp_path: Path, cli: Any, capture: Any, subtests: pytest.Subtests
) -> None:
    out = tmp_path / "small.elf"
    assert cli("capture", capture("x86-empty"), "-o", out).code == 0
    for path, words in ((out, "was cropped"), (capture("x86-empty"), "is a memory image")):
        with subtests.test(words):
            result = cli("memmap", path)
            assert result.code == 3
            assert words in result.err
            assert "/proc/iomem" in result.err
    m = Machine(arch="arm64")
    m.put(b"memory")
    bad = m.save(tmp_path, notes=note(b"HWPKHO-CAPTURE", b"[]"))
    result = cli("memmap", bad)
    assert result.code == 3
    assert "HWPKHO-CAPTURE note: the note: expected an object with schema; this" in result.err


def test_an_iomem_without_end_is_refused(root: Path) -> None:
    (root / "proc/iomem").write_bytes(b"\n" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="/proc/iomem: more than 1048576 bytes"):
        Live(root, 4096)


def capture_running(root: Path, out: Path) -> capture.Captured:
    return capture.running(Live(root, 4096), str(out))


def test_setup_data_tells_the_incoming_one(root: Path, tmp_path: Path) -> None:
    entry = root / "sys/kernel/boot_params/setup_data/0"
    entry.mkdir(parents=True)
    (entry / "type").write_text("0xa\n")
    (entry / "data").write_bytes(struct.pack("<4Q", 0x1000, 4096, 0x2000, 48))
    (told,) = Live(root, 4096).boot()
    assert (told.fdt_addr, told.scratch_addr, told.scratch_size) == (0x1000, 0x2000, 48)


def test_chosen_tells_the_incoming_one(root: Path) -> None:
    chosen = root / "proc/device-tree/chosen"
    chosen.mkdir(parents=True)
    (chosen / "linux,kho-fdt").write_bytes(struct.pack(">QQ", 0x1000, 4096))
    assert Live(root, 4096).boot() == []
    (chosen / "linux,kho-scratch").write_bytes(struct.pack(">QQ", 0x2000, 48))
    (told,) = Live(root, 4096).boot()
    assert (told.fdt_addr, told.scratch_addr, told.scratch_size) == (0x1000, 0x2000, 48)


def test_dev_mem_where_there_is_no_kcore(root: Path, tmp_path: Path, capture: Any) -> None:
    image = capture("x86-structv1-small-post")
    (root / "proc/kcore").unlink()
    live = Live(root, 4096)
    with pytest.raises(InputError, match=r"kcore.*; .*mem"):
        live.memory()
    (root / "dev").mkdir()
    memory = bytearray(1 << 20)
    memory[0x1000:0x1004] = b"abcd"
    (root / "dev/mem").write_bytes(memory)
    (root / "proc/iomem").write_text("00001000-000fffff : System RAM\n")
    source = Live(root, 4096).memory()
    assert bytes(source.read(0x1000, 4) or b"") == b"abcd"
    assert source.read(0, 4) is None
    assert image.exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: shutil.rmtree(r / "sys/kernel/debug"), "is debugfs there"),
        (lambda r: shutil.rmtree(r / "sys/kernel/debug/kho"), "mount -t debugfs"),
        (lambda r: (r / "sys/kernel/debug/kho").rename(r / "sys/kernel/debug/x"), "kho=on"),
        (lambda r: (r / "proc/kcore").unlink(), "kcore"),
    ],
)
def test_the_reason_is_told(
    root: Path, tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(root)
    with pytest.raises(InputError, match=reason):
        capture_running(root, tmp_path / "live.elf")
    assert not (tmp_path / "live.elf").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_permission_denied(root: Path, tmp_path: Path) -> None:
    (root / "sys/kernel/debug").chmod(0)
    with pytest.raises(InputError, match="needs root"):
        capture_running(root, tmp_path / "live.elf")


def test_an_output_that_cannot_be(cli: Any, capture: Any) -> None:
    name = capture("x86-empty")
    got = cli("capture", name, "--json")
    assert (got.code, got.err) == (2, "hwpkho: no output for the capture: give -o OUT\n")
    got = cli("capture", name, "--json", "-o", "-")
    assert (got.code, got.out) == (2, "")
    assert got.err == "hwpkho: --json takes standard output; give another -o OUT\n"


def test_an_output_that_is_in_the_way(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.elf"
    out.write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        capture_running(root, out)
    assert out.read_text() == "precious"


GUEST = b"GUEST'S MEMORY!!"


@pytest.mark.parametrize("serialized", [True, False])
@pytest.mark.parametrize("more", [[], ["--no-scrub"]])
def test_no_page_of_a_guest_is_kept(
    serialized: bool, more: list[str], cli: Any, tmp_path: Path
) -> None:
    """Neither what lies in the files that LUO preserves, nor what a guest makes look like LUO's."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    folios = [(PFN, 0, 0), (PFN + 1, 1, 0), (PFN + 2, 2, 1), (PFN + 0x200, 4, 9)]
    data = made.memfd(folios, size=5 * 4096 + 123)
    session = made.session("vm", [(1, data)])
    for pfn, _, order in folios:
        for page in range(pfn, pfn + (1 << order)):
            made.machine.memory[page << 12] = GUEST * 256
    structure = made.machine.memory[data][:48]
    made.machine.memory[PFN << 12] = structure + GUEST * 253
    made.machine.memory[PFN + 1 << 12] = GUEST[:8] + structure[8:] + GUEST * 253
    blob = made.blob([session])
    made.handover(blob if serialized else luo.Luo("luo-v5", 1, 0, 0).build(), pfns=[PFN, PFN + 3])
    source, out = made.machine.save(tmp_path), tmp_path / "small.elf"
    assert GUEST[:8] in source.read_bytes()
    assert cli("capture", source, "-o", out, *more).code == 0
    assert GUEST[:8] not in out.read_bytes()
    assert _decoded(cli, out) == _decoded(cli, source)
    assert [o for o in _decoded(cli, out)["handovers"][0]["preserved"] if o["kind"] == "memfd-v2"]
