"""Which DIMM a page is on: what was decoded for it, and nothing that was not."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.pfnset import pfn_set
from hwpkho.dimms import lines, reading
from hwpkho.dimms.model import Confidence, Device, Dimms, Mapped, Node, Pair, Place
from hwpkho.errors import InputError
from tests.support import FIXTURES, schemas
from tests.support.dimms import listing
from tests.support.examples import much, times
from tests.support.fleet import manifest, rows
from tests.toys import list_form

NEIGHBOURS = FIXTURES / "neighbours"
GIB = 1 << 30


def said(tmp_path, *texts):
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"said-{number}"
        path.write_text(text)
        paths.append(str(path))
    return reading.read(paths)


def place(dimms, pfn, page_size=4096, ram=None):
    (run,) = dimms.places(pfn_set([pfn]), page_size, ram)
    return run.place


@pytest.mark.parametrize(
    ("path", "pfn", "dimm", "confidence"),
    [
        ("edac-dmesg/01.txt", 0xEE30A0, "CPU_SrcID#1_Ha#0_Chan#0_DIMM#0", "decoded"),
        ("edac-dmesg/04.txt", 0xBD0DB44, "N1 DIMM_L0", "decoded"),
        ("ghes-cper/01.txt", 0x46FE735, "CPU 1 DIMM 4", "firmware"),
        ("ghes-cper/04.txt", 0x5C7A4DF, "CPU 1 DIMM 8", "firmware"),
        ("tracepoint/03.txt", 0x12345, "CPU_SrcID#0_Channel#0_DIMM#0", "decoded"),
        ("rasdaemon-sqlite/03.db", 468652556224 >> 12, "CPU_SrcID#1_MC#1_Chan#1_DIMM#0", "decoded"),
    ],
)
def test_what_real_machines_say(path, pfn, dimm, confidence):
    dimms = reading.read([str(NEIGHBOURS / path)])
    assert place(dimms, pfn) == Place(dimm, None, confidence)
    assert place(dimms, pfn + 1) == place(dimms, pfn - 1) == Place()


def test_nodes_of_a_real_machine():
    dimms = reading.read([str(FIXTURES / "memmaps/01-dmesg-e820/qemu-7.3.4-nvdimm-console.txt")])
    assert place(dimms, 0x100) == Place(None, None, "node", 0)
    assert place(dimms, 0xA0) == Place()  # between two ranges


EDAC = "EDAC MC0: 1 UE memory read error on {} (channel:0 slot:0 page:{:#x} offset:{:#x} grain:{})"


@pytest.mark.parametrize(
    "line",
    [
        EDAC.format("unknown memory", 0x10, 0, 8),
        EDAC.format("any memory", 0x10, 0, 8),
        EDAC.format("DIMM_A1 or DIMM_A2", 0x10, 0, 8),
        EDAC.format("DIMM_A1", 0x10, 0, 8192),
        EDAC.format("DIMM_A1", 0, 0, 8),
        EDAC.format("\x1b[2J", 0, 0, 8),
    ],
)
def test_lines_that_name_no_dimm(line, tmp_path):
    with pytest.raises(InputError, match="names no DIMM"):
        said(tmp_path, f"[    1.0] {line}\n")


def test_two_dimms_for_one_page_are_none(tmp_path):
    lines = [EDAC.format(label, 0x10, at, 8) for at, label in enumerate(("A", "B"))]
    lines.append(EDAC.format("A", 0x11, 0, 8))
    dimms = said(tmp_path, "\n".join(lines) + "\n")
    assert place(dimms, 0x10) == Place()
    assert place(dimms, 0x11) == Place("A", None, "decoded")


def test_text_of_a_log_is_escaped(tmp_path):
    dimms = said(tmp_path, EDAC.format("A\x1b]0;x\x07", 0x10, 0, 8) + "\n")
    assert all((p.label or "").isprintable() for p in dimms.pairs)


def test_edac_counts_in_pages_of_the_kernel(tmp_path):
    dimms = said(tmp_path, EDAC.format("A", 0x10, 0, 8) + "\n")
    assert place(dimms, 0x10, 65536).dimm == "A"
    log = "mc_event: 1 Corrected error: x on A (mc:0 location:0:0:0 address:0x100000 grain:8 y)\n"
    assert place(said(tmp_path, log), 0x10, 65536).dimm == "A"
    row = (
        "1 2025-03-28 13:24:11 +0100 1 Corrected error(s): memory read error at P0_DIMM A1 "
        "location: 0:1:-1:-1, addr 1048576, grain {}, syndrome 0\n"
    )
    assert place(said(tmp_path, row.format(3)), 0x10, 65536).dimm == "P0_DIMM A1"
    (tmp_path / "rows").write_text(row.format(3) + row.format(13))
    found = reading.read([str(tmp_path / "rows")], sure=False)
    assert found.pairs == [Pair(0x100000, "P0_DIMM A1", None, "decoded")]


CPER = """\
{1}[Hardware Error]:  Error 0, type: fatal
{1}[Hardware Error]:   section_type: memory error
{1}[Hardware Error]:   physical_address: 0x0000000012345000
{2}[Hardware Error]:   DIMM location: other section
{1}[Hardware Error]:   DIMM location: not present. DMI handle: 0x1101
{1}[Hardware Error]:  Error 1, type: fatal
{1}[Hardware Error]:   DIMM DMI handle: 0x1100
"""


def test_a_handle_and_what_dmidecode_says_of_it(tmp_path):
    assert place(said(tmp_path, CPER), 0x12345) == Place()
    dimms = said(tmp_path, CPER, listing())
    assert place(dimms, 0x12345) == Place("A2", "35A2F1C1", "firmware")
    assert len(dimms.pairs) == 1


@pytest.mark.parametrize("label", ["A2", "P0 CH1 A2"])
def test_a_label_and_what_dmidecode_says_of_it(label, tmp_path):
    dimms = said(tmp_path, EDAC.format(label, 0x10, 0, 8) + "\n", listing())
    assert place(dimms, 0x10) == Place(label, "35A2F1C1", "decoded")


@pytest.mark.parametrize(
    "serial",
    ["", "00000000", "FFFFFFFF", "Not Specified", "Unknown", "NO DIMM", "SerNum1", "35A2F1C0"],
)
def test_serial_numbers_that_are_none(serial, tmp_path):
    """The last is that of the other DIMM, too."""
    dimms = said(tmp_path, EDAC.format("A2", 0x10, 0, 8) + "\n", listing(serial))
    assert place(dimms, 0x10).serial is None


RAM = [(0, 32 * GIB - 1)]


def test_addresses_by_smbios(tmp_path):
    dimms = said(tmp_path, listing())
    assert place(dimms, 0x3FFFFF, ram=RAM) == Place("A1", "35A2F1C0", "smbios")
    assert place(dimms, 0x400000, ram=RAM) == Place("A2", "35A2F1C1", "smbios")
    assert place(dimms, 0x800000, ram=RAM) == Place()
    runs = list(dimms.places(pfn_set(range(0x3FFFFE, 0x400002)), 4096, RAM))
    assert [(r.first, r.last, r.place.dimm) for r in runs] == [
        (0x3FFFFE, 0x3FFFFF, "A1"), (0x400000, 0x400001, "A2"),
    ]  # fmt: skip


@pytest.mark.parametrize("ram", [None, [], [(0, 3 * GIB - 1), (4 * GIB, 33 * GIB - 1)]])
def test_addresses_by_smbios_where_the_map_does_not_agree(ram, tmp_path):
    assert place(said(tmp_path, listing()), 0x10, ram=ram) == Place()


@pytest.mark.parametrize(
    "more",
    ["\tInterleave Position: 1", "\tInterleave Position: Unknown", "\tInterleaved Data Depth: 2"],
)
def test_a_dimm_that_is_interleaved(more, tmp_path):
    dimms = said(tmp_path, listing(more=more + "\n"))
    assert place(dimms, 0x10, ram=RAM) == Place()


@pytest.mark.parametrize(
    "mapped",
    [
        [(0, 16 * GIB - 1, 1), (8 * GIB, 24 * GIB - 1, 2)],
        [(0, 8 * GIB - 1, 1), (16 * GIB, 32 * GIB - 1, 2)],
        [(0, 16 * GIB - 1, 1), (16 * GIB, 32 * GIB - 1, 3)],
    ],
)
def test_addresses_that_contradict_one_another(mapped):
    devices = [Device(n, f"A{n}", "", None, 16 * GIB) for n in (1, 2)]
    dimms = Dimms(devices=devices, mapped=[Mapped(a, b, of, False) for a, b, of in mapped])
    assert place(dimms, 0x10, ram=[(0, 8 * GIB - 1)]) == Place()


def test_nodes_that_overlap_are_none():
    dimms = Dimms(
        nodes=[Node(0, GIB - 1, 0), Node(GIB // 2, GIB, 1), Node(2 * GIB, 3 * GIB - 1, 1)]
    )
    assert place(dimms, 0x10) == Place()
    assert place(dimms, 2 * GIB >> 12) == Place(None, None, "node", 1)


@times(2)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("AB")), max_size=8),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 2)), max_size=4),
    st.sets(st.integers(0, 30), max_size=12),
)
def test_places_are_those_of_each_page(pairs, nodes, pfns):
    dimms = Dimms(
        [Pair(pfn << 12, label, None, "decoded") for pfn, label in pairs],
        nodes=[Node(a << 12, ((a + n + 1) << 12) - 1, node) for a, n, node in nodes],
    )
    found = {p: run.place for run in dimms.places(pfn_set(pfns), 4096, None)
             for p in range(run.first, run.last + 1)}  # fmt: skip
    assert set(found) == pfns
    for pfn in pfns:
        labels = {label for p, label in pairs if p == pfn}
        ranges = {(a, n, node) for a, n, node in nodes}
        claims = [r for r in ranges if r[0] <= pfn <= r[0] + r[1]]
        alone = claims and not any(
            other is not claims[0] and other[0] <= claims[0][0] + claims[0][1]
            and claims[0][0] <= other[0] + other[1]
            for other in ranges - {claims[0]}
        )  # fmt: skip
        node = claims[0][2] if alone else None
        dimm = next(iter(labels)) if len(labels) == 1 else None
        confidence: Confidence = "decoded" if dimm else "node" if node is not None else "unknown"
        assert found[pfn] == Place(dimm, None, confidence, node)


def test_a_database_of_rasdaemon(tmp_path):
    path = tmp_path / "ras.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE mc_event (id INTEGER PRIMARY KEY, timestamp TEXT, err_type TEXT, "
            "label TEXT, address INTEGER, grain INTEGER)"
        )
        database.executemany(
            "INSERT INTO mc_event (label, address, grain) VALUES (?, ?, ?)",
            [("A", 0x10000, 3), ("A", 0x10040, 3), ("B", 0x20000, 13),
             ("unknown memory", 0x30000, 3),
             (None, 0x40000, 3), (b"x", "y", None), ("C", 0, 3)],
        )  # fmt: skip
    dimms = reading.read([str(path)])
    assert {p.label for p in dimms.pairs} == {"A"}
    assert place(dimms, 0x10).dimm == "A"


# What users see


def test_list(tmp_path, cli, subtests):
    log = NEIGHBOURS / "edac-dmesg/01.txt"
    (tmp_path / "bad.txt").write_text("0xee30a0-0xee30a1\n")
    got = cli("list", "--dimms", tmp_path / "bad.txt", log, "--json")
    schemas.check(got.json, "list")
    assert [(d["first"], d["dimm"], d["dimm_confidence"]) for d in got.json["dimms"]] == [
        (0xEE30A0, "CPU_SrcID#1_Ha#0_Chan#0_DIMM#0", "decoded"), (0xEE30A1, None, "unknown"),
    ]  # fmt: skip
    text = cli("list", "--dimms", tmp_path / "bad.txt", log).out.splitlines()
    assert text[-2].split() == ["0xee30a0", "CPU_SrcID#1_Ha#0_Chan#0_DIMM#0", "-", "-", "decoded"]
    assert text[-1].split() == ["0xee30a1", "unknown", "-", "-", "-"]
    assert "dimms" not in cli("list", tmp_path / "bad.txt", "--json").json
    for other in (["--pfns"], ["--to", "memmap"], ["-"]):
        with subtests.test(str(other)):
            assert cli("list", tmp_path / "bad.txt", "--dimms", log, *other).code == 2
    alone = cli("list", tmp_path / "bad.txt", "--dimms", "--json").json["dimms"]
    assert alone == [{"first": 0xEE30A0, "last": 0xEE30A1, "dimm": None, "dimm_serial": None,
                      "dimm_confidence": "unknown", "node": None}]  # fmt: skip


def test_list_and_what_dmidecode_prints(tmp_path, cli):
    (tmp_path / "bad.txt").write_text("0x100\n")
    (tmp_path / "dmidecode.txt").write_text(listing())
    (tmp_path / "edac.txt").write_text(EDAC.format("A2", 0x100, 0, 8) + "\n")
    files = [tmp_path / name for name in ("bad.txt", "edac.txt", "dmidecode.txt")]
    (run,) = cli("list", "--dimms", *files, "--json").json["dimms"]
    assert (run["dimm"], run["dimm_serial"]) == ("A2", "35A2F1C1")
    got = cli("list", "--dimms", files[2])
    assert (got.code, got.err) == (3, "hwpkho: none of the inputs names bad pages\n")
    (tmp_path / "notes.txt").write_text("a note\n")
    assert cli("list", "--dimms", files[0], tmp_path / "notes.txt").code == 3


def test_fleet(tmp_path, cli):
    (tmp_path / "dmidecode.txt").write_text(listing())
    (tmp_path / "edac.txt").write_text(EDAC.format("A2", 0x100, 0, 8) + "\n")
    night = "2026-11-28T03:00:00Z"
    batch = manifest(
        tmp_path, [("a", night, "0x100-0x102\n"), ("b", night, "# none\n")],
        dimms=["edac.txt", "dmidecode.txt"],
    )  # fmt: skip
    assert cli("fleet", "add", tmp_path / "d", "--batch", batch).code == 0
    found = [(r["first_pfn"], r["last_pfn"], r["dimm"], r["dimm_serial"], r["dimm_confidence"])
             for r in rows(tmp_path / "d")]  # fmt: skip
    assert sorted(found) == [
        (0x100, 0x100, "A2", "35A2F1C1", "decoded"), (0x101, 0x102, None, None, "unknown"),
    ]  # fmt: skip
    (tmp_path / "edac.txt").write_text("nothing\n")
    got = cli("fleet", "add", tmp_path / "d", "--batch", batch, "--json")
    assert (got.json["added"], got.json["remarked"], got.json["not_judged"]) == (2, 1, 0)
    assert "dimms: " in got.json["remarks"][0]


def test_a_log_says_it_itself(tmp_path, cli):
    log = NEIGHBOURS / "ghes-cper/01.txt"
    firmware = tmp_path / "map"  # a map that is a folder names no DIMM
    (firmware / "0").mkdir(parents=True)
    for name, value in (("start", "0x0"), ("end", "0x7ffffffffff"), ("type", "System RAM")):
        (firmware / "0" / name).write_text(f"{value}\n")
    got = cli("fleet", "add", tmp_path / "d", log, "--memmap", firmware)
    assert (got.code, "dimms" in got.err) == (0, False)
    (row,) = rows(tmp_path / "d")
    assert (row["dimm"], row["dimm_confidence"]) == ("CPU 1 DIMM 4", "firmware")
    (toy := tmp_path / "toy.txt").write_text(
        "bad page at 100000\nACPI: SRAT: Node 1 PXM 1 [mem 0x00000000-0x3fffffff]\n"
    )
    list_form.register()
    try:
        assert cli("fleet", "add", tmp_path / "toys", toy).code == 0
    finally:
        list_form.unregister()
    (row,) = rows(tmp_path / "toys")
    assert (row["source"], row["dimm_confidence"]) == ("toy-list", "node")


def _edac(count):
    return "".join(
        f"[   10.0] EDAC MC0: 1 CE memory read error on D{i} (channel:0 slot:0 page:0x{i + 1:x} "
        f"offset:0x0 grain:32 syndrome:0x0)\n"
        for i in range(count)
    )


def _listing(count):
    return "".join(
        f"Handle 0x{i:04X}, DMI type 17, 84 bytes\nMemory Device\n\tSize: 16 GB\n\tLocator: D{i}\n"
        f"\tBank Locator: B\n\tSerial Number: S{i}\n\n"
        for i in range(count)
    )


def _srat(count):
    return "".join(
        f"[    0.0] ACPI: SRAT: Node {i % 8} PXM 0 [mem 0x{i << 12:x}-0x{(i << 12) + 4095:x}]\n"
        for i in range(count)
    )


@pytest.mark.parametrize("text", [_srat, lambda n: _listing(n // 2) + _edac(n)])
def test_many_of_each_take_no_longer_than_they_are_many(text, tmp_path):
    """Four times as many take four times as long: what a hostile log has is bounded by its size."""

    def cost(count):
        path = tmp_path / str(count)
        path.write_text(text(count))
        found = reading.read([str(path)])
        began = time.process_time()
        runs = list(found.places(pfn_set(range(1, count, 2)), 4096, None))
        assert len(runs) == count // 2
        assert all(run.place.confidence != "unknown" for run in runs)
        return time.process_time() - began

    many = much(2000, 8000)
    few = min(cost(many // 4) for _ in range(3))
    assert any(cost(many) < 10 * few for _ in range(5))


def test_a_reader_of_lines_is_a_line_of_the_table(tmp_path, monkeypatch):
    class Toy(lines.Srat):
        word = b"toy: "
        needles = (b"toy: ",)

        def feed(self, _number, line):
            _, pfn, label = line.split()
            self._pair(Pair(int(pfn, 16) << 12, label, None, "decoded"))
            return False

    monkeypatch.setattr(lines, "READERS", (*lines.READERS, Toy))
    (tmp_path / "toys").write_text("toy: 10 bear\n")
    found = [reading.read([str(tmp_path / "toys")], sure=sure) for sure in (True, False)]
    assert [place(f, 0x10) for f in found] == [Place("bear", None, "decoded")] * 2
