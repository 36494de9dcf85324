"""rasdaemon's database, and databases that are made to harm."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import sqlite
from hwpkho.badpages.formats.rasdaemon_db import _left
from tests.support import forked, neighbours
from tests.support.examples import much
from tests.support.measure import within
from tests.support.neighbours import pages

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("truth", neighbours.samples("rasdaemon-sqlite"), ids=lambda p: p.name)
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, "rasdaemon-db")


def _table(name: str, columns: str) -> str:
    return f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, timestamp TEXT, {columns});"


_MF = _table("memory_failure_event", "pfn TEXT, page_type TEXT, action_result TEXT")
_MC = _table("mc_event", "err_type TEXT, address INTEGER, grain INTEGER")
_MCE = _table(
    "mce_record",
    "status INTEGER, addr INTEGER, misc INTEGER, cpuvendor INTEGER, bank_name TEXT",
)
_EXTLOG = _table("extlog_event", "severity INTEGER, address INTEGER")
_CXL = _table("cxl_poison_event", "trace_type TEXT, hpa INTEGER, dpa_length INTEGER")
_DRAM = _table("cxl_dram_event", "descriptor INTEGER, type INTEGER, hpa INTEGER")
_T = "'2025-03-28 13:28:48 +0800'"
_ONE = f"INSERT INTO memory_failure_event VALUES (7, {_T}, '0xe53218', 'dax page', 'Failed');"


def _made(folder: Path, script: str) -> Path:
    path = folder / "ras-mc_event.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        db.commit()
    return path


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


#: A machine check that AMD calls deferred.
_DEFERRED = f"INSERT INTO mce_record VALUES (1, '', {_signed(0x9C205 << 44)}, {{}});"


@pytest.mark.each
@pytest.mark.parametrize(
    ("script", "listed", "kind"),
    [
        (_MF + _ONE, [0xE53218], "poisoned"),
        (_MC + f"INSERT INTO mc_event VALUES (1, {_T}, 'Fatal', 12288, 5)", [3], "uncorrected"),
        (_MC + f"INSERT INTO mc_event VALUES (1, {_T}, 'Uncorrected', 12345, 13)", [2, 3],
         "uncorrected"),
        (_MC + f"INSERT INTO mc_event VALUES (1, {_T}, 'Corrected', 12288, 5)", [], None),
        (_MCE + f"INSERT INTO mce_record VALUES (1, {_T}, {_signed(0xBD << 56)}, 4096, 140, 0, '')",
         [1], "uncorrected"),
        # What AMD counts there is no size.
        (_MCE + f"INSERT INTO mce_record VALUES (1, {_T}, {_signed(0xBD << 56)}, 4096, 144, 2, '')",
         [1], "uncorrected"),
        (_MCE + f"INSERT INTO mce_record VALUES (1, {_T}, {_signed(0x9D << 56)}, 73728, 0, 0, '')",
         [], None),
        (_DRAM + f"INSERT INTO cxl_dram_event VALUES (1, {_T}, 3, 0, 37952);"
         f"INSERT INTO cxl_dram_event VALUES (2, {_T}, 2, 0, 4096);"
         f"INSERT INTO cxl_dram_event VALUES (3, {_T}, 1, 2, 8192);", [9], "uncorrected"),
        (_DRAM.replace("dram", "general_media")
         + f"INSERT INTO cxl_general_media_event VALUES (1, {_T}, 1, 2, 37952)", [9],
         "uncorrected"),
        (_DRAM.replace(", hpa INTEGER", "")
         + f"INSERT INTO cxl_dram_event VALUES (1, {_T}, 2, 0)", [], None),
        (_CXL + f"INSERT INTO cxl_poison_event VALUES (1, {_T}, 'List', 8128, 128)", [1, 2],
         "uncorrected"),
        (_CXL + f"INSERT INTO cxl_poison_event VALUES (1, {_T}, 'List', 4096, 128);"
         f"INSERT INTO cxl_poison_event VALUES (2, {_T}, 'Clear', 4096, 64);", [1], "uncorrected"),
        (_CXL + f"INSERT INTO cxl_poison_event VALUES (1, {_T}, 'Inject', 4096, 64);"
         f"INSERT INTO cxl_poison_event VALUES (2, {_T}, 'Clear', 4096, 64);", [], None),
        # Of the processor itself, as in a log: what its address register holds is no memory.
        (_MCE + f"INSERT INTO mce_record VALUES (1, {_T}, {_signed((0xBE << 56) | 0x800400)}, "
         "4096, 0, 0, '')", [], None),
        (_EXTLOG + f"INSERT INTO extlog_event VALUES (1, {_T}, 1, 4096);"
         f"INSERT INTO extlog_event VALUES (2, {_T}, 2, 8192);"
         f"INSERT INTO extlog_event VALUES (3, {_T}, 3, 12288);", [1], "uncorrected"),
        ("CREATE TABLE aer_event (id INTEGER PRIMARY KEY)", [], None),
    ],
)  # fmt: skip
def test_events(script, listed, kind, tmp_path, cli) -> None:
    got = cli("list", "--json", _made(tmp_path, script))
    assert got.code == 0, got.err
    assert pages(got.json["pfns"]) == set(listed)
    assert {(e["kind"], e["when"]) for e in got.json["entries"] if e["kind"] != "corrected"} == (
        {(kind, "2025-03-28T13:28:48+08:00")} if kind else set()
    )


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (_MF + "INSERT INTO memory_failure_event VALUES (1, NULL, '0x', '', '')", "without a PFN"),
        (_MC + "INSERT INTO mc_event VALUES (1, '', 'Uncorrected', 0, 0)", "without an address"),
        (_MCE + f"INSERT INTO mce_record VALUES (1, '', {_signed(0xB9 << 56)}, 4096, 0, 0, '')",
         "without a physical address"),
        (_MCE + f"INSERT INTO mce_record VALUES (1, '', {_signed(0xBD << 56)}, 4096, 0, 2, "
         "'Unified Memory Controller (bank=17)')", "a memory-channel address"),
        (_MC + "INSERT INTO mc_event VALUES (1, '', 'Uncorrected', 4096, 63)", "damaged number"),
        (_MCE + f"INSERT INTO mce_record VALUES (1, '', {_signed(0xBD << 56)}, 4096, 191, 0, '')",
         "without a physical address"),
        (_MCE + f"INSERT INTO mce_record VALUES (1, '', {_signed(0xBD << 56)}, 4096, 76, 0, '')",
         "without a physical address"),
        (_CXL + f"INSERT INTO cxl_poison_event VALUES (1, '', 'List', 4096, {1 << 40})",
         "damaged number"),
        (_DRAM + "INSERT INTO cxl_dram_event VALUES (1, '', 1, 0, "
            "-1)", "a device address"),
        (_CXL + "INSERT INTO cxl_poison_event VALUES (1, '', 'List', -1, "
            "64)", "a device address"),
        (_CXL + "INSERT INTO cxl_poison_event VALUES (1, '', 'List', 0, "
            "64)", "a device address"),
        ("CREATE TABLE t (id INTEGER)", "without any table of rasdaemon"),
        ("CREATE VIEW memory_failure_event AS SELECT 1 AS id, '' AS timestamp, '0x1' AS pfn",
         "without any table of rasdaemon"),
        (_MF + "INSERT INTO memory_failure_event VALUES (1, '', hex(zeroblob(2000000)), '', '')",
         "too big"),
        (_MF + "INSERT INTO memory_failure_event VALUES (1, '', CAST(x'ff30' AS TEXT), '', '')",
         "UTF-8"),
    ],
)  # fmt: skip
def test_what_is_refused(script, says, tmp_path, cli) -> None:
    got = cli("list", "--json", _made(tmp_path, script))
    assert (got.code, got.out, len(got.err.splitlines())) == (3, "", 1)
    assert says in got.err


def test_what_a_file_brings_along_is_not_run(tmp_path, cli) -> None:
    """A virtual table and a generated column; a blob of 8 MiB in a column that nobody asks for."""
    script = (
        "CREATE VIRTUAL TABLE mc_event USING fts5(err_type, address);"
        "CREATE TABLE memory_failure_event (id INTEGER PRIMARY KEY, timestamp TEXT AS "
        "(hex(zeroblob(900000))) VIRTUAL, pfn TEXT, page_type TEXT, action_result TEXT);"
        "CREATE TRIGGER t AFTER INSERT ON memory_failure_event BEGIN SELECT raise(ABORT, 'x'); END;"
        "DROP TRIGGER t;"
        "INSERT INTO memory_failure_event VALUES (1, '0x5', zeroblob(8000000), '');"
    )
    got = cli("list", "--json", _made(tmp_path, script))
    assert got.code == 0, got.err
    assert got.json["pfns"] == [5]
    assert got.json["entries"][0]["when"] is None


def test_a_virtual_table_with_a_page_is_none_of_rasdaemon(tmp_path, cli) -> None:
    """SQLite gives it none, and runs its module all the same."""
    script = (
        "CREATE TABLE x (a); PRAGMA writable_schema=ON; INSERT INTO sqlite_master VALUES ('table', "
        "'memory_failure_event', 'memory_failure_event', 2, "
        "'CREATE VIRTUAL TABLE memory_failure_event USING dbstat');"
    )
    got = cli("list", _made(tmp_path, script))
    assert (got.code, got.err.count("\n")) == (3, 1)
    assert "a database without any table of rasdaemon" in got.err


@pytest.mark.parametrize("beside", ["wal", "journal"])
@pytest.mark.parametrize("what", ["fifo", "folder", "device"])
def test_what_belongs_to_a_database_is_a_file(beside, what, tmp_path) -> None:
    """SQLite would wait for a writer of the pipe."""
    path = _made(tmp_path, _MF + _ONE)
    other = tmp_path / f"{path.name}-{beside}"
    if what == "fifo":
        os.mkfifo(other)
    elif what == "folder":
        other.mkdir()
    else:
        other.symlink_to("/dev/zero")
    cost = forked.run("list", path)
    assert (cost.code, cost.out, cost.err.count(b"\n")) == (3, b"", 1)
    assert f"{path.name}-{beside} beside it is not a file".encode() in cost.err


def test_a_long_text_is_no_pfn(tmp_path, cli) -> None:
    """Of a thousand rows together each may have one, and all of them the same."""
    bad = f"INSERT INTO memory_failure_event VALUES (1, {_T}, hex(zeroblob(3000)), '', '');"
    got = cli("list", _made(tmp_path, _MF + bad))
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert "too big" in got.err


def test_a_schema_of_thousands_of_tables_is_given_up(tmp_path, cli, monkeypatch) -> None:
    """SQLite takes 6 s to load 60 000 tables, out of 3 MB."""
    path = _made(tmp_path, _MF + _ONE)
    tables = ((f"t{n}", f"CREATE TABLE t{n}(a)") for n in range(much(6000, 60_000)))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema=ON")
        db.executemany("INSERT INTO sqlite_master VALUES ('table', ?1, ?1, 2, ?2)", tables)
    monkeypatch.setattr(sqlite, "_SCHEMA_SECONDS", much(2, 500) / 1000)
    got = within(2, lambda: cli("list", path))
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert "takes more work than its size allows" in got.err


def test_rows_of_unusual_pfns_cost_little(tmp_path) -> None:
    """Found by hand: 20 us for each of them, because each had a text of its own."""
    count = much(20_000, 200_000)
    rows = ",".join(f"({n}, {_T}, '0X{n:x}', '', '')" for n in range(count))
    script = f"{_MF}INSERT INTO memory_failure_event VALUES {rows};"
    cost = forked.within(much(4, 25) / 10, "list", _made(tmp_path, script))
    assert cost.code == 0, cost.err


def test_a_tree_of_the_same_pages_is_given_up(tmp_path, cli, monkeypatch) -> None:
    """The root names one leaf a hundred times; in a few levels that is more than any time."""
    rows = "".join(f"('0x{n:x}')," for n in range(60_000))[:-1]
    path = _made(
        tmp_path,
        f"PRAGMA page_size=4096; {_MF}INSERT INTO memory_failure_event (pfn) VALUES {rows}",
    )
    data = bytearray(path.read_bytes())
    root = 4096 * next(n for n in range(1, len(data) // 4096) if data[4096 * n] == 5)
    cells = int.from_bytes(data[root + 3 : root + 5])
    assert cells > 50
    page = bytes(data[root : root + 4096])
    for cell in range(cells):
        at = root + int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell])
        data[at : at + 4] = page[8:12]
    path.write_bytes(data)
    monkeypatch.setattr(sqlite, "_STEPS", 0)
    monkeypatch.setattr(sqlite, "_STEPS_PER_BYTE", 0)
    got = cli("list", path)
    assert (got.code, len(got.err.splitlines())) == (3, 1), got.err


@pytest.mark.parametrize("mode", ["delete", "wal", "journal"])
def test_nothing_is_written_beside_it(mode, tmp_path, cli) -> None:
    path = _made(tmp_path, _MF)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        if mode == "wal":
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute(_ONE)
        if mode == "journal":  # as a crash in a transaction leaves it
            db.execute("PRAGMA cache_size=1")
            db.execute("BEGIN")
            db.executemany(
                "INSERT INTO memory_failure_event VALUES (NULL, ?, '0x1', '', '')",
                [("x" * 3000,)] * 50,
            )
        there = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, data in there.items():
        (copy / name).write_bytes(data)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in copy.iterdir()}
    assert len(before) == {"delete": 1, "wal": 3, "journal": 2}[mode]
    got = cli("list", "--json", copy / path.name)
    assert got.code == 0, got.err
    assert got.json["pfns"] == [0xE53218]
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in copy.iterdir()} == before


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_link_to_a_database_that_is_being_written(mode, tmp_path, cli) -> None:
    """The log or journal lies beside the file, not beside the link."""
    path = _made(tmp_path, _MF + _ONE)
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode={mode}")
        db.execute("PRAGMA cache_size=1")
        if mode == "delete":
            db.execute("BEGIN")
        rows = [(f"0x{n:x}", "x" * 3000) for n in range(50)]
        db.executemany("INSERT INTO memory_failure_event VALUES (NULL, '', ?, ?, '')", rows)
        copy = tmp_path / "copy"  # as a crash leaves it
        copy.mkdir()
        for name in tmp_path.glob(f"{path.name}*"):
            (copy / name.name).write_bytes(name.read_bytes())
    link.unlink()
    link.symlink_to(copy / path.name)
    want = {0xE53218, *range(50)} if mode == "wal" else {0xE53218}
    listed = {int(pfn, 16) for pfn in cli("list", "--pfns", link).out.split()}
    assert listed == want
    assert [p.name for p in link.parent.iterdir()] == ["link"]


def test_a_database_whose_log_is_gone_is_read_without_one(tmp_path, cli) -> None:
    """Copied alone out of a machine: SQLite itself would put a new log beside it."""
    path = _made(tmp_path, _MF + _ONE)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
    copy = tmp_path / "copy" / "ras.db"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    assert copy.read_bytes()[18:20] == b"\2\2"
    assert cli("list", "--pfns", copy).out == "0xe53218\n"
    assert [p.name for p in copy.parent.iterdir()] == ["ras.db"]


def test_the_name_of_a_database_need_not_be_utf_8(tmp_path, cli) -> None:
    folder = tmp_path / "\udcff?"
    folder.mkdir()
    got = cli("list", "--pfns", _made(folder, _MF + _ONE))
    assert (got.code, got.out, got.err) == (0, "0xe53218\n", "")


def test_a_text_that_is_no_utf_8_is_one_line(tmp_path, cli) -> None:
    bad = f"INSERT INTO memory_failure_event VALUES (1, {_T}, CAST(x'30ff' AS TEXT), '', '');"
    got = cli("list", _made(tmp_path, _MF + bad))
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert "ras-mc_event.db" in got.err


def test_a_copy_is_made_of_no_more_than_anybody_has(tmp_path, cli, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "_MAX_COPY", 1000)
    with _made(tmp_path, _MF + _ONE).open() as file:
        monkeypatch.setattr("sys.stdin", file)
        got = cli("list", "-")
    assert (got.code, got.err.count("\n")) == (3, 1)
    assert "too large to read from a copy" in got.err


def test_from_standard_input(tmp_path, cli, monkeypatch) -> None:
    with _made(tmp_path, _MF + _ONE).open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert cli("list", "--pfns", "-").out == "0xe53218\n"


def test_a_lock_is_waited_for(tmp_path, cli, monkeypatch) -> None:
    path = _made(tmp_path, _MF + _ONE)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as db:
        db.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite, "WAIT", 0.05)
        got = cli("list", path)
        assert (got.code, "locked by another program" in got.err) == (3, True), got.err
        monkeypatch.setattr(sqlite, "WAIT", 30)
        release = threading.Timer(0.1, lambda: db.execute("COMMIT"))
        release.start()
        assert cli("list", "--pfns", path).out == "0xe53218\n"
        release.join()


@pytest.mark.parametrize(
    ("row", "pfns"),
    [
        (_MC + "INSERT INTO mc_event VALUES (1, '', 'Deferred', 4096, 0);", [1]),
        (_MCE + _DEFERRED.format("4096, 0, 2, ''"), [1]),
        (_MCE + _DEFERRED.format("4096, 0, 9, ''"), [1]),  # Hygon
        (_MCE + _DEFERRED.format("4096, 0, 0, ''"), []),  # a count of Intel's corrected errors
    ],
)
def test_a_deferred_error_is_uncorrected(row, pfns, tmp_path, cli) -> None:
    got = cli("list", "--json", _made(tmp_path, row))
    assert (got.json["pfns"], got.json["problems"]) == (pfns, [])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (_MC + "INSERT INTO mc_event VALUES (1, '', 'Deferred', 0, 0);", "without an address"),
        (_MCE + _DEFERRED.format("0, 0, 2, ''"), "without a physical address"),
        (_MCE + _DEFERRED.format("4096, 0, 2, 'Unified Memory Controller (bank=17)'"), "channel"),
    ],
)
def test_a_deferred_error_without_a_page(row, why, tmp_path, cli) -> None:
    got = cli("list", _made(tmp_path, row))
    assert (got.code, why in got.err) == (3, True), got.err


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.booleans()), max_size=12),
)
def test_later_clears_take_poison_away(events) -> None:
    left: dict[int, str] = {}
    for number, (start, more, clears) in enumerate(events):
        for byte in range(start, start + more + 1):
            left.pop(byte, None)
            if not clears:
                left[byte] = str(number)
    asked = [(a, a + more, c, None, str(n)) for n, (a, more, c) in enumerate(events)]
    found = list(_left(asked))
    assert {b for start, end, *_ in found for b in range(start, end + 1)} == set(left)
    assert all(not asked[int(where)][2] for *_, where in found)


@pytest.mark.slow
def test_a_million_events(tmp_path, cli) -> None:
    path = tmp_path / "many.db"
    rng = random.Random(1)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(_MF + _MC)
        db.executemany(
            f"INSERT INTO mc_event VALUES (NULL, {_T}, ?, ?, 5)",
            (
                (rng.choice(("Corrected", "Corrected", "Uncorrected")), rng.randrange(1, 1 << 40))
                for _ in range(1_000_000)
            ),
        )
        db.commit()
    took = os.times()
    got = cli("list", "--pfns", path)
    now = os.times()
    assert got.code == 0, got.err
    assert now.user + now.system - took.user - took.system < 15


@pytest.mark.parametrize("odd", [None, "'0x?'", "'-1'", "NULL", "'0X1F'", "'0x12345678901234567'"])
def test_rows_are_the_same_one_by_one_and_together(odd, tmp_path, cli) -> None:
    """A block of rows as rasdaemon writes them is taken together, others row by row."""
    rows = "".join(
        f"INSERT INTO memory_failure_event VALUES ({n}, {_T}, '{n % 7 + 1:#x}', 'x', 'Failed');"
        for n in range(1, 30)
    )
    more = (
        f"INSERT INTO memory_failure_event VALUES (99, 'x', {odd}, 'x', 'Failed');" if odd else ""
    )
    got = cli("list", "--json", _made(tmp_path, _MF + rows + more))
    assert got.code == 0, got.err
    entries = [e for e in got.json["entries"] if e["first"] != 0x1F]
    assert [(e["first"], e["where"]) for e in entries] == [
        (n % 7 + 1, f"memory_failure_event row {n}") for n in (7, 1, 2, 3, 4, 5, 6)
    ]
    assert {e["when"] for e in entries} == {"2025-03-28T13:28:48+08:00"}
    assert [p["where"] for p in got.json["problems"]] == ["memory_failure_event row 99"] * (
        odd not in (None, "'0X1F'")
    )
