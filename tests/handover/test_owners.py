"""Who owns what the tracker marks, where the numbers of an owner are nobody's."""

from __future__ import annotations

import struct

import pytest

from hwpkho.abi import fdt, luo, vmalloc
from tests.support import certain, forked
from tests.support.examples import much, some
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.provoking_luo import IOMEM, PFN

_ALL = (1 << 64) - 1


def _tree(name: str, **fields: bytes) -> bytes:
    node = fdt.Node(name, properties=[fdt.Property(k, v, 0) for k, v in fields.items()])
    return fdt.build(fdt.Node("", children=[node]), strings=b"")


@pytest.mark.parametrize("start", [0, 0x1000, _ALL])
def test_an_area_as_large_as_its_numbers(start, cli, tmp_path):
    """Its size bounds no work; what is marked in it is its."""
    machine = Machine(arch="x86_64", at=0x1000_0000)
    area = _tree("all", start=struct.pack("<Q", start), size=struct.pack("<Q", _ALL))
    machine.handover(subtrees=[("memblock", area)], mark=lambda b: [*b, (PFN << 12, 3)])
    (h,) = cli("decode", "--json", machine.save(tmp_path)).json["handovers"]
    unknown = [o["bytes"] for o in h["preserved"] if o["kind"] == "unknown"]
    assert unknown == ([8 << 12] if start == _ALL else [])


@pytest.mark.parametrize("order", [31, 64, 128, 0xFFFF])
def test_kho_tests_array_of_a_wild_order(order, cli, tmp_path, subtests):
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    array = made.page("array", struct.pack("<Q", PFN << 12 | 63))
    chunk = made.page("chunk", vmalloc.Chunk.parse(struct.pack("<2Q", 0, array)).build(4096))
    info = vmalloc.KhoVmalloc(chunk, 1, 1, order).build()
    data = _tree("data", nr_folios=struct.pack("<I", 1), folios_info=info)
    made.machine.handover(subtrees=[("kho_test", data)], mark=lambda b: b + made.blocks)
    path = made.machine.save(tmp_path)
    (tmp_path / "iomem").write_text(IOMEM)
    for args in ((), ("--json",), ("--annotate",)):
        with subtests.test(str(args)):
            assert cli("decode", path, *args).code in (0, 1)
    assert cli("validate", path, "--memmap", tmp_path / "iomem").code in (0, 1)


@pytest.mark.parametrize(
    ("total", "count", "says"),
    [
        (9, 1, "the chunks list 1 entry of 1 page, total_pages is 9"),
        (1, 513, "nr_folios is 513, its array has room for 512"),
    ],
)
def test_why_the_folios_of_kho_test_are_not_read(total, count, says, cli, tmp_path):
    """Flags that nobody knows do not decide that."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    array = made.page("array", struct.pack("<Q", PFN << 12))
    chunk = made.page("chunk", vmalloc.Chunk.parse(struct.pack("<2Q", 0, array)).build(4096))
    info = vmalloc.KhoVmalloc(chunk, total, 0x11).build()
    data = _tree("data", nr_folios=struct.pack("<I", count), folios_info=info)
    made.machine.handover(subtrees=[("kho_test", data)], mark=lambda b: b + made.blocks)
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    assert [p["message"] for p in h["problems"] if p["code"] == "HP916"] == [f"kho_test: {says}"]


def test_an_array_of_an_order_that_wraps(cli, tmp_path):
    """Of each entry ``1 << order`` pages are restored, in 32 bits: one page, not 2^32."""
    machine = Machine(arch="x86_64", at=0x1000_0000)
    sizes, made = [], machine.handover([PFN])
    for order in (0, 32):
        machine.poke(made.blob + 30, "<H", order)
        (h,) = cli("decode", "--json", machine.save(tmp_path)).json["handovers"]
        sizes.append([o["bytes"] for o in h["preserved"] if o["kind"] == "hwpoison"])
    assert sizes[0] == sizes[1]


def test_a_subtree_of_the_name_unknown_has_its_pages(cli, tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(subtrees=[("unknown", b"blob")])
    got = cli("decode", machine.save(tmp_path))
    assert "all of it has an owner" in got.out
    assert "HP911" not in got.out


def test_the_list_is_the_first_of_two_nodes_of_its_name(cli, tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(subtrees=[("hwpoison", b"another")])
    got = cli("decode", "--json", machine.save(tmp_path)).json["handovers"][0]
    codes = {p["code"] for p in got["problems"]}
    assert "HP207" in codes
    assert not {"HP908", "HP911"} & codes


@pytest.mark.parametrize(("page_size", "arch"), some([(4096, "x86_64"), (65536, "arm64")], 2))
def test_pairs_of_folios_cost_what_they_are(page_size, arch, tmp_path):
    """A run of two folios looks at the bytes of the bitmap that have them, and at no others."""
    made = Orchestrator(Machine(arch=arch, at=0x1000_0000, gap=0, page_size=page_size))
    count = much(10_000, 100_000)
    folios = [(PFN + i + i // 2, i, 0) for i in range(count)]
    made.handover(made.blob([made.session("vm", [(1, made.memfd(folios))])]))
    path = made.machine.save(tmp_path)
    # With the whole bitmap for each 100,000 took 6 s.
    cost = forked.within(0.1 + count * 14e-6, "decode", path)
    assert cost.code == 0
    assert b"all of it has an owner" in cost.out


def test_pages_of_a_list_that_was_replayed_are_no_leak(cli, tmp_path):
    """Of an incoming handover nothing shows which they were."""
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(kexec_count=0)
    machine.handover(kexec_count=1)
    before, after = cli("decode", "--json", machine.save(tmp_path)).json["handovers"]
    assert "HP319" in [p["code"] for p in before["problems"]]
    assert "HP911" not in [p["code"] for h in (before, after) for p in h["problems"]]


_NAMED = fdt.build(
    fdt.Node("", properties=[fdt.Property("compatible", b"x\x1b-v1\0", 0)]), strings=b""
)


@pytest.mark.parametrize(
    ("blob", "compatible"),
    [
        (b"blob", None),
        (b"iommu-v1\0" + bytes(23), "iommu-v1"),
        (b"vfio_pci-v2;block-v1\0", "vfio_pci-v2;block-v1"),
        (b"iommu-v1", None),
        (b"\x1b[31m-v1\0", None),
        (_NAMED, "x\\x1b-v1"),
        (fdt.MAGIC + b"\xff" * 60, None),
    ],
)  # fmt: skip
def test_what_a_subtree_that_nobody_knows_calls_itself(blob, compatible, cli, tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(subtrees=[("posted", blob)])
    got = cli("decode", "--json", machine.save(tmp_path))
    (h,) = got.json["handovers"]
    (shown,) = [s for s in h["root"]["subtrees"] if s["name"] == "posted"]
    assert (shown["kind"], shown["details"]) == (None, compatible and {"compatible": compatible})
    said = cli("decode", tmp_path / "memory.elf").said
    named = f" {compatible}" if compatible else ""
    there = f"posted 0x10004000 {len(blob)} bytes{named} not known, 4 KiB preserved there"
    assert there in said


@pytest.mark.parametrize(
    ("size", "orders", "pages"),
    [
        (64, (2,), 4),
        (3 * 4096, (0, 0, 0), 3),
        (5 * 4096, (2, 0), 5),
        (4096, (0, 0), 1),  # what stands behind it is somebody else's
        (1 << 63, (0, 1), 1),  # a wild size ends where nothing is marked
    ],
)
def test_the_blocks_of_a_subtree_that_nobody_knows(size, orders, pages, cli, tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    blocks, at = [], PFN << 12
    for order in orders:
        if size < 1 << 63 or order == 0:
            blocks.append((at, order))
        at += 4096 << order
    where = machine.handover(subtrees=[("posted", b"iommu-v1\0")], mark=lambda b: b + blocks)
    root = machine.memory[where.root]
    (subtree,) = [s for s in where.subtrees if s.name == "posted"]
    phys = certain(subtree.phys)
    machine.memory[PFN << 12] = machine.memory[phys]
    for old, new in ((phys, PFN << 12), (subtree.size, size)):
        machine.swap(where.root, struct.pack("<Q", old), struct.pack("<Q", new))
    assert machine.memory[where.root] != root
    (h,) = cli("decode", "--json", machine.save(tmp_path)).json["handovers"]
    (kept,) = [o for o in h["preserved"] if o["kind"] == "posted"]
    assert (kept["name"], kept["bytes"]) == ("subtree posted", pages * 4096)
    assert kept["ranges"] == [[PFN, PFN + pages - 1]]


def _posted(made, *data, order=1):
    """Return sessions of a file whose handler nobody knows, and FLBs."""
    made.blocks.append((PFN << 12, order))
    files = made.chain("files", [luo.File(b"guest_memfd_luo_v1", at, 7) for at in data], 63)
    return [luo.Session(b"vm", files, len(data))]


def test_what_is_preserved_where_an_unknown_handler_points(cli, tmp_path):
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    made.blocks.append((PFN + 8 << 12, 3))
    sessions = _posted(made, (PFN << 12) + 16)
    flbs = [
        luo.Flb(b"pci-v2", PFN + 8 << 12, 1),
        luo.Flb(b"opaque", (PFN + 8 << 12) + 8, 2),  # inside a block: no address
        luo.Flb(b"test", 0xFEEDF00DCAFEBEE0, 0),
    ]
    made.handover(made.blob(sessions, flbs))
    path = made.machine.save(tmp_path)
    (h,) = cli("decode", "--json", path).json["handovers"]
    (file,) = h["luo"]["sessions"][0]["files"]
    assert (file["compatible"], file["data"], file["runs"], file["block"]) == (
        "guest_memfd_luo_v1", (PFN << 12) + 16, None, {"phys": PFN << 12, "order": 1},
    )  # fmt: skip
    assert [f["block"] for f in h["luo"]["flbs"]] == [
        {"phys": PFN + 8 << 12, "order": 3}, None, None,
    ]  # fmt: skip
    kept = {o["kind"]: o for o in h["preserved"]}
    assert kept["guest_memfd_luo_v1"]["ranges"] == [[PFN, PFN + 1]]
    assert (kept["guest_memfd_luo_v1"]["session"], kept["guest_memfd_luo_v1"]["token"]) == ("vm", 7)
    assert (kept["pci-v2"]["name"], kept["pci-v2"]["bytes"]) == ("FLB pci-v2", 8 * 4096)
    assert "unknown" not in kept
    said = cli("decode", path).said
    assert "token 7 guest_memfd_luo_v1 data 0x50000010, 8 KiB preserved there" in said
    assert "FLB pci-v2 1 file data 0x50008000, 32 KiB preserved there" in said
    (tmp_path / "list").write_text(f"0x{PFN + 1:x}\n")
    assert cli("capture", path, "-o", tmp_path / "crop.elf").code == 0
    (again,) = cli("decode", "--json", tmp_path / "crop.elf").json["handovers"]
    assert (again["luo"], again["preserved"]) == (h["luo"], h["preserved"])


def test_what_others_have_is_not_an_unknown_handlers(cli, tmp_path):
    """Its data may be any number: it is no second owner of a page."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    data = made.memfd([(PFN + 64, 0, 3)])
    sessions = [*_posted(made, PFN + 64 << 12, data, PFN << 12, PFN << 12)]
    sessions.append(made.session("known", [(1, data)]))
    made.handover(made.blob(sessions))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    assert not [p for p in h["problems"] if p["code"] == "HP908"]
    kinds = [o["kind"] for o in h["preserved"]]
    assert kinds.count("guest_memfd_luo_v1") == 1
    assert kinds.count("memfd-v2") == 1


def test_a_bad_page_there_is_its_owners(cli, tmp_path):
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    made.handover(made.blob(_posted(made, PFN << 12)), pfns=[PFN + 1])
    (tmp_path / "iomem").write_text(IOMEM)
    args = ("validate", made.machine.save(tmp_path), "--memmap", tmp_path / "iomem")
    assert 'session "vm", token 7' in cli(*args).out
    (run,) = cli(*args, "--json").json["runs"]
    assert run["code"] == "HP926"


def _saved(folder, cli, make, **changes):
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    made.handover(made.blob(make(made), **changes))
    folder.mkdir()
    return made.machine.save(folder)


@pytest.mark.parametrize("serialized", [True, False])
def test_files_of_sessions_that_are_not_written_come_and_go(serialized, cli, tmp_path):
    def both(made):
        kept = made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)])
        return [made.session("vm", [(1, kept), (2, made.memfd([(PFN + 8, 0, 3)]))])]

    def other(made):
        new = made.memfd([(PFN + 64, 0, 1)])
        return [made.session("vm", [(1, made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0)])), (3, new)])]

    before = _saved(tmp_path / "1", cli, both, sessions_pa=0)
    after = _saved(tmp_path / "2", cli, other, **({} if serialized else {"sessions_pa": 0}))
    doc = cli("diff", "--json", before, after).json["owners"]
    (gone,), (came,) = doc["gone"], doc["came"]
    assert (gone["kind"], gone["session"], gone["bytes"]) == ("memfd-v2", None, 8 * 4096)
    assert (came["session"], came["token"], came["bytes"]) == (
        ("vm", 3, 2 * 4096) if serialized else (None, None, 2 * 4096)
    )
    out = cli("diff", before, after).out
    assert "no longer preserved: file of a session not written yet, at 0x" in out
    assert "preserved now: " in out
    merged = cli("merge", "--json", before, after, "-o", tmp_path / "out").json
    assert merged["owners"] == [doc]
    same = _saved(tmp_path / "3", cli, both)
    assert cli("diff", "--json", before, same).json["owners"] == {"gone": [], "came": []}
    assert cli("diff", "--json", same, before).json["owners"] == {"gone": [], "came": []}


@pytest.mark.parametrize("known", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_many_owners_cost_what_they_are(known, tmp_path, subtests):
    """100,000 files, each with a page of its own: of a handler that nobody knows, and memfds."""
    count = much(2_000, 100_000)
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000, gap=0))
    if known:
        at = [made.memfd([]) for _ in range(count)]
    else:
        at = [PFN + 2 * n << 12 for n in range(count)]
        made.blocks += [(phys, 0) for phys in at]
    name = b"memfd-v2" if known else b"vfio-pci-v1"
    entries = [luo.File(name, phys, n) for n, phys in enumerate(at)]
    blocks = made.chain("files", entries, 63)
    made.handover(made.blob([luo.Session(b"vm", blocks, count)]))
    path = made.machine.save(tmp_path)
    for args in ((), ("--json",), ("--annotate",))[: much(1, 3)]:
        with subtests.test(str(args)):
            cost = forked.within(1 + count * 150e-6, "decode", path, *args)
            assert cost.code == 0
            assert cost.peak < (96 << 20) + count * 2048
