"""The same handover in every wrapping: ELF variants, raw images, segment folders, several files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from hwpkho.errors import InputError
from hwpkho.images.elf import open_elf
from hwpkho.images.files import FileBytes
from hwpkho.inputs.case import CaseOptions, read_inputs
from tests.support import captures, certain
from tests.support.examples import much, some
from tests.support.handovers import Machine, elf, note

NAME = "x86-structv1-small"
PAGE = 4096
FDT_PAGE = bytes.fromhex("d00dfeed")


def _judge(handovers, name=NAME):
    """Compare with the truth of a capture."""
    wants = captures.truth(name)["handovers"]
    assert [h.root.phys for h in handovers] == [w["root_phys"] for w in wants]
    for h, want in zip(handovers, wants, strict=True):
        if want["list"] == "intact":
            assert h.hwpoison.pfns.tolist() == want["pfns"]
            assert h.tracker == want["tracker"]


def _decode(path, **options):
    return read_inputs([str(path)], CaseOptions(**options)).handovers


def _load():
    return captures.segments(captures.elf(NAME))


def _scattered():
    """Cut the memory into single pages, in no order."""
    pages = [(a + i, b[i : i + PAGE]) for a, b in _load() for i in range(0, len(b), PAGE)]
    return sorted(pages, key=lambda p: p[0] * 7919 % 104_729)


def _root_page():
    phys = captures.truth(NAME)["handovers"][0]["root_phys"]
    return phys, captures.memory(NAME, phys, PAGE)


ELF_VARIANTS = {
    "rebuilt": lambda: elf(_load(), "x86_64"),
    "headers elsewhere": lambda: elf(_load(), "x86_64", phoff=192),
    "offsets not aligned": lambda: elf(_load(), "x86_64", skew=0x345),
    "reversed": lambda: elf(_load()[::-1], "x86_64"),
    "single pages in no order": lambda: elf(_scattered(), "x86_64"),
    "PN_XNUM": lambda: elf(_load(), "x86_64", xnum=True),
    "70000 headers": lambda: elf(
        [*_load(), *(((1 << 40) + i * PAGE, b"") for i in range(70_000))], "x86_64"
    ),
    "no physical address": lambda: elf([((1 << 64) - 1, bytes(PAGE))] * 3 + _load(), "x86_64"),
    "segment up to 2^64": lambda: elf([*_load(), ((1 << 64) - PAGE, bytes(3 * PAGE))], "x86_64"),
    "memsz beyond filesz": lambda: elf(_load(), "x86_64", memsz=lambda n: n + (1 << 50)),
    "each twice": lambda: elf(_load() * 2, "x86_64"),
    "overlapping by half": lambda: elf(
        [*_load(), *((a + len(b) // 2 & -PAGE, b[len(b) // 2 & -PAGE :]) for a, b in _load())],
        "x86_64",
    ),
    "segments not page aligned": lambda: elf(
        [p for a, b in _load() for p in ((a, b[:777]), (a + 777, b[777:]))], "x86_64"
    ),
    "copy of the root above": lambda: elf([*_load(), (1 << 41, _root_page()[1])], "x86_64"),
    "copy of the root below": lambda: elf([(PAGE, _root_page()[1]), *_load()], "x86_64"),
    "FDT magic everywhere else": lambda: elf(
        [*_load(), *((i << 30, FDT_PAGE.ljust(PAGE, b"\xff")) for i in range(8, 200))], "x86_64"
    ),
    "kho-v4 without an FDT": lambda: elf([*_load(), (1 << 41, b"kho-v4\0" * 100)], "x86_64"),
    "an endless note": lambda: elf(_load(), "x86_64", notes=b"\xff" * 64),
    "notes": lambda: elf(
        _load(), "x86_64",
        notes=note(b"CORE", b"x") + note(b"VMCOREINFO", b"PAGESIZE=4096\nOSRELEASE=7.3.4\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", ELF_VARIANTS)
def test_elf_variants(variant, tmp_path):
    path = tmp_path / "memory"
    path.write_bytes(ELF_VARIANTS[variant]())
    _judge(_decode(path))


def test_a_page_that_the_dump_leaves_out_is_absent(tmp_path):
    want = captures.truth(NAME)["handovers"][0]
    (array,) = struct.unpack("<Q", captures.memory(NAME, want["chunks"][0] + 8, 8))
    load = []
    for start, data in _load():
        if start <= array < start + len(data):
            cut = array - start
            load += [(start, data[:cut]), (array + PAGE, data[cut + PAGE :])]
        else:
            load.append((start, data))
    path = tmp_path / "memory"
    path.write_bytes(elf(load, "x86_64", memsz=lambda n: n + PAGE))
    (h,) = _decode(path)
    assert h.hwpoison.pfns is None
    assert h.hwpoison.pages.tolist() == [array]
    assert "HP315" in {p.code for p in h.problems if p.severity == "error"}


def test_a_cut_file_is_said_to_be_cut(tmp_path):
    path = tmp_path / "memory"
    path.write_bytes(elf([*_load(), (1 << 40, bytes(PAGE))], "x86_64")[:-1])
    (h,) = _decode(path)
    assert "HP101" in {p.code for p in h.problems}
    assert h.hwpoison.pfns.tolist() == captures.truth(NAME)["handovers"][0]["pfns"]


def test_vmcoreinfo_and_machine(tmp_path):
    path = tmp_path / "memory"
    path.write_bytes(elf(_load(), "arm64", notes=note(b"VMCOREINFO", b"PAGESIZE=16384\n")))
    with FileBytes(str(path)) as file:
        source = open_elf(file)
        assert source.arch == "arm64"
        assert source.vmcoreinfo == b"PAGESIZE=16384\n"
        assert sum(n for _, n in source.extents()) == sum(len(b) for _, b in _load())


def test_process_core_is_refused(tmp_path):
    path = tmp_path / "core"
    path.write_bytes(elf([(0, bytes(PAGE)), (0, bytes(PAGE))], "x86_64"))
    with pytest.raises(InputError, match="core of a process"):
        _decode(path)


# --- raw images and folders


def _whole(m):
    """Return the base and the bytes of all memory from the first page to the last."""
    base = min(m.memory)
    image = bytearray(max(a + len(b) for a, b in m.memory.items()) - base)
    for phys, data in m.memory.items():
        image[phys - base : phys - base + len(data)] = data
    return base, bytes(image)


@pytest.mark.parametrize("page_size", [4096, 16384, 65536])
def test_raw_image(page_size, tmp_path, cli, subtests):
    m = Machine(page_size)
    h = m.handover()
    base, image = _whole(m)
    path = tmp_path / "ram@home.bin"
    path.write_bytes(image)
    for address in (f"0x{base:x}", str(base)):
        with subtests.test(address):
            got = cli("decode", "--json", f"{path}@{address}").json["handovers"][0]
            assert got["hwpoison"]["pfns"] == [0x1000, 0x2222, 0x1001]
            assert got["page_size"] == page_size
            assert got["root"]["phys"] == h.root
            assert got["arch"] is None


def test_raw_image_at_a_wrong_base(tmp_path, cli, subtests):
    m = Machine()
    m.handover()
    base, image = _whole(m)
    path = tmp_path / "ram.bin"
    path.write_bytes(image)
    shifted = cli("decode", "--json", f"{path}@{base + (1 << 30):#x}")
    assert shifted.code in (1, 3)
    assert cli("decode", f"{path}@0x{(1 << 64) - 4096:x}").code == 3
    assert cli("decode", f"{path}@0x{(1 << 64):x}").code == 3
    for start in (b"", bytes(PAGE)):  # raw memory needs its base, whatever stands first
        with subtests.test(f"{len(start)} zeros first"):
            path.write_bytes(start + image.ljust(1 << 17, b"\0"))
            got = cli("decode", path)
            assert got.code == 3
            assert "FILE@0xBASE" in got.err


def _segments(folder, m, handover=None, chunk=1 << 20):
    folder.mkdir()
    for phys, data in m.memory.items():
        for at in range(0, len(data), chunk):
            (folder / f"0x{phys + at:x}.bin").write_bytes(data[at : at + chunk])
    if handover is not None:
        (folder / "handover.json").write_text(json.dumps(handover))
    return folder


@pytest.mark.parametrize("page_size", some([4096, 16384, 65536], 3))
def test_segments(page_size, tmp_path, subtests):
    m = Machine(page_size)
    h = m.handover()
    scratch = m.put(struct.pack("<QQ", 1 << 32, 1 << 28))
    said = {"kho_fdt": [h.root, page_size], "kho_scratch": [scratch, 16], "page_size": page_size}
    for chunk in (1 << 20, 1000):
        with subtests.test(f"pieces of {chunk}"):
            (got,) = _decode(_segments(tmp_path / str(chunk), m, said, chunk))
            assert got.hwpoison.pfns.tolist() == [0x1000, 0x2222, 0x1001]
            assert (got.page_size, got.tracker) == (page_size, "complete")
            assert got.scratch.areas == ((1 << 32, 1 << 28),)
            assert got.scratch.array == scratch


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[1",
        '"kho_fdt"',
        "[" * 100_000,
        "{}",
        '{"kho_fdt": [1, 2], "kho_scratch": [1], "page_size": 4096}',
        '{"kho_fdt": [1, 2], "kho_scratch": [1, "2"], "page_size": 4096}',
        '{"kho_fdt": [-1, 2], "kho_scratch": [1, 2], "page_size": 4096}',
        '{"kho_fdt": [1.5, 2], "kho_scratch": [1, 2], "page_size": 4096}',
        '{"kho_fdt": [1, 2], "kho_scratch": [1, 2], "page_size": 5000}',
        '{"kho_fdt": [1, 2], "kho_scratch": [1, 2], "page_size": true}',
        '{"kho_fdt": null, "kho_scratch": [1, 2], "page_size": 4096}',
        '{"kho_fdt": [1, 2], "kho_scratch": [1, 2], "page_size": 4096, "arch": "riscv64"}',
        '{"kho_fdt": [1, 2], "kho_scratch": [1, 2], "page_size": 4096, "arch": ["arm64"]}',
        '{"kho_fdt": [1, 2], "kho_scratch": [1, 2], "page_size": 16384, "arch": "x86_64"}',
    ],
)
def test_bad_handover_json(said, tmp_path):
    m = Machine()
    m.handover()
    folder = _segments(tmp_path / "memory", m)
    (folder / "handover.json").write_text(said)
    with pytest.raises(InputError, match=r"handover\.json"):
        _decode(folder)


def test_bad_segments(tmp_path):
    m = Machine()
    m.handover()
    folder = _segments(tmp_path / "overlap", m)
    first = min(m.memory)
    (folder / f"0x{first + 16:x}.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="overlaps"):
        _decode(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "0x1000.bin").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        _decode(empty)
    (empty / "0x1000.bin").unlink()
    with pytest.raises(InputError, match="no memory image, copy or list in this folder"):
        _decode(empty)


def test_many_segments(tmp_path):
    m = Machine()
    m.handover()
    for _ in range(much(1100, 1500)):  # more than a process may have open as it comes
        m.put(b"x" * PAGE)
    (got,) = _decode(_segments(tmp_path / "memory", m))
    assert got.hwpoison.pfns.tolist() == [0x1000, 0x2222, 0x1001]


def test_memory_in_several_files(tmp_path):
    m = Machine()
    m.handover()
    memory = sorted(m.memory.items())
    parts = memory[: len(memory) // 2], memory[len(memory) // 3 :]
    paths = []
    for i, part in enumerate(parts):
        paths.append(str(tmp_path / f"part{i}"))
        (tmp_path / f"part{i}").write_bytes(elf(part))
    (got,) = read_inputs(paths).handovers
    assert certain(certain(got.hwpoison).pfns).tolist() == [0x1000, 0x2222, 0x1001]
    assert got.tracker == "complete"
    assert (
        certain(read_inputs(paths[::-1]).handovers[0].hwpoison).pfns == certain(got.hwpoison).pfns
    )


def test_memory_files_that_conflict(tmp_path):
    m = Machine()
    h = m.handover()
    first = m.save(tmp_path, "first")
    m.poke(h.blob + 8, "<Q", 2)
    second = m.save(tmp_path, "second")
    with pytest.raises(InputError, match="different bytes"):
        read_inputs([str(first), str(second)])
    m.arch = "x86_64"
    with pytest.raises(InputError, match="arch"):
        read_inputs([str(first), str(m.save(tmp_path, "third"))])


def test_a_sparse_image_costs_its_data(tmp_path):
    m = Machine()
    m.handover()
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(64 << 30)
        for phys, data in m.memory.items():
            file.seek(phys)
            file.write(data)
    case = read_inputs([f"{path}@0x0"])
    assert certain(certain(case.handovers[0].hwpoison).pfns).tolist() == [0x1000, 0x2222, 0x1001]
    certain(case.source).close()


# --- single structures


def test_root_fdt_file(tmp_path, cli):
    m = Machine()
    h = m.handover()
    path = tmp_path / "fdt"
    path.write_bytes(m.memory[h.root])
    got = cli("decode", "--json", path).json["handovers"][0]
    assert got["root"]["memory_map"] == h.tracker
    assert [s["name"] for s in got["root"]["subtrees"]] == ["hwpoison", "kexec-metadata"]
    assert (got["root"]["phys"], got["tracker"], got["page_size"]) == (None, None, None)
    assert "HP103" in {p["code"] for p in got["problems"]}


@pytest.mark.parametrize("revision", ["fdt-v1", "struct-v1"])
def test_blob_file(revision, tmp_path, cli):
    m = Machine()
    h = m.handover(revision=revision)
    path = tmp_path / "hwpoison"
    path.write_bytes(m.memory[h.blob] if revision == "fdt-v1" else m.memory[h.blob][:32])
    got = cli("decode", "--json", path).json["handovers"][0]
    assert got["root"] is None
    assert got["hwpoison"]["revision"] == revision
    assert got["hwpoison"]["count"] == 3
    assert got["hwpoison"]["vmalloc"]["first"] == h.chunks[0]
    assert got["hwpoison"]["pfns"] is None
    assert got["page_size"] == (4096 if revision == "fdt-v1" else None)


def test_root_and_blob_files_are_one_handover(tmp_path, cli):
    m = Machine()
    h = m.handover()
    (tmp_path / "fdt").write_bytes(m.memory[h.root])
    (tmp_path / "blob").write_bytes(m.memory[h.blob][:32])
    got = cli("decode", "--json", tmp_path / "fdt", tmp_path / "blob").json["handovers"]
    assert len(got) == 1
    assert got[0]["hwpoison"]["phys"] == h.blob
    assert got[0]["hwpoison"]["count"] == 3


def test_a_list_is_a_case_of_its_own(tmp_path):
    m = Machine()
    m.handover()
    (tmp_path / "list").write_text("0x1\n")
    with pytest.raises(InputError, match="case of its own"):
        read_inputs([str(m.save(tmp_path)), str(tmp_path / "list")])
    with pytest.raises(InputError, match="case of its own"):
        read_inputs([str(tmp_path / "list")] * 2)
    assert certain(read_inputs([str(tmp_path / "list")]).pages).pfns.tolist() == [1]


# --- copies of /sys/kernel/debug/kho


def _copy(folder, role="out", root=None, **blobs):
    side = folder / "kho" / role
    (side / "sub_fdts").mkdir(parents=True)
    if root is not None:
        (side / "fdt").write_bytes(root)
    for name, data in blobs.items():
        (side / "sub_fdts" / name).write_bytes(data)
    return folder / "kho"


def test_copy_that_conflicts_with_memory(tmp_path, cli, subtests):
    m = Machine()
    h = m.handover()
    memory = m.save(tmp_path)
    blob = bytearray(m.memory[h.blob][:32])
    good = _copy(tmp_path / "good", root=m.memory[h.root], hwpoison=bytes(blob))
    assert cli("decode", good, memory).code == 0
    blob[8] ^= 1
    for bad in (
        _copy(tmp_path / "a", root=m.memory[h.root], hwpoison=bytes(blob)),
        _copy(tmp_path / "b", root=m.memory[h.root].replace(b"kho-v4", b"kho-v3")),
    ):
        with subtests.test(str(bad)):
            got = cli("decode", "--json", bad, memory)
            assert (got.code, got.out) == (3, "")
            assert "not one machine at one moment" in got.err


def test_copy_of_another_machine_is_a_handover_of_its_own(tmp_path, cli):
    m, other = Machine(), Machine(at=0x9000_0000)
    m.handover()
    h = other.handover()
    copy = _copy(tmp_path, root=other.memory[h.root])
    got = cli("decode", "--json", copy, m.save(tmp_path)).json["handovers"]
    assert {x["root"]["phys"] for x in got} > {None}


@pytest.mark.parametrize("keep", [40, 41, 56, 100, 150, 199, 233, 300])
def test_cut_root_at_any_length(keep, tmp_path, cli):
    m = Machine()
    h = m.handover(subtrees=[("LUO", b"luo-v5\0")])
    whole = m.memory[h.root]
    copy = _copy(tmp_path, root=whole[:keep], hwpoison=m.memory[h.blob][:32])
    got = cli("decode", "--json", copy)
    assert got.code == 0, got.err
    one = got.json["handovers"][0]
    assert one["root"]["totalsize"] == struct.unpack_from(">I", whole, 4)[0]
    assert one["root"]["memory_map"] in (None, h.tracker)
    assert one["hwpoison"]["count"] == 3
    assert "HP102" in {p["code"] for p in one["problems"]}


def test_unusable_files_of_a_copy(tmp_path, cli, subtests):
    m = Machine()
    h = m.handover()
    blob = m.memory[h.blob][:32]
    got = cli("decode", "--json", _copy(tmp_path / "a", root=b"junk", hwpoison=blob))
    assert {"HP106"} <= {p["code"] for p in got.json["handovers"][0]["problems"]}
    assert cli("decode", _copy(tmp_path / "b", root=b"", hwpoison=b"")).code == 3
    bad = _copy(tmp_path / "c", root=m.memory[h.root])
    for phys, length in (("0x1000\nzz\n", "1\n2\n"), ("0x1000\n", "1\n2\n"), ("-1\n", "1\n")):
        with subtests.test(repr(phys)):
            (bad / "out" / "scratch_phys").write_text(phys)
            (bad / "out" / "scratch_len").write_text(length)
            got = cli("decode", bad)
            assert got.code == 3
            assert "scratch_phys" in got.err
    (bad / "out" / "scratch_phys").write_text("0x1000\n\n")
    (bad / "out" / "scratch_len").write_text("0x2000")
    scratch = cli("decode", "--json", bad).json["handovers"][0]["scratch"]
    assert scratch["areas"] == [[0x1000, 0x2000]]
    big = _copy(tmp_path / "d", root=bytes((1 << 20) + 1))
    assert cli("decode", big).code == 3


def test_copy_and_segments_in_one_folder(tmp_path):
    m = Machine()
    h = m.handover()
    folder = _copy(tmp_path, root=m.memory[h.root])
    (folder / "0x1000.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="both"):
        _decode(folder)


def test_thousands_of_lists_are_refused_at_the_second(tmp_path, monkeypatch):
    """Found by fuzz/run.py: each of 861 was read before the first was said to be alone."""
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("0x1\n")
    Path("log").write_text("Memory failure: 0x1: recovery action for free buddy page: Recovered\n")
    with pytest.raises(InputError, match="case of its own"):
        read_inputs(["list", *["list"] * 1000])
    with pytest.raises(InputError, match="log: given twice"):
        read_inputs(["log", *["log"] * 1000])
