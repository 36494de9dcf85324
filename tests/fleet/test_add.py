"""hwpkho fleet add: which rows a data set gets, and that each case is in it once."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hwpkho.fleet import arrow, content
from hwpkho.fleet.remote import Remote
from hwpkho.fleet.schema import NO_DAY, TABLES
from tests.support import FIXTURES, captures, efi, fleet_schema, forked, schemas
from tests.support.examples import some
from tests.support.fleet import manifest, rows
from tests.support.handovers import Machine

NIGHT = "2026-11-28T03:00:00Z"


def add(cli, dataset, *args, code=0):
    got = cli("fleet", "add", dataset, *args)
    assert got.code == code, got.err
    return got


def test_the_schema_is_that_of_the_tables():
    assert fleet_schema.PATH.read_text() == fleet_schema.text()


def test_options_of_a_judgement_are_those_of_validate(tmp_path, cli):
    """Also the layout of an EFI table whose bytes do not show it."""
    table = ("--from", "efi-table", efi.EFI / "tables" / "22.bin")
    assert add(cli, tmp_path / "a", *table, "--json").json["not_judged"] == 1
    got = add(cli, tmp_path / "b", *table, "--layout", "bitmap", "--json").json
    assert (got["added"], got["not_judged"]) == (1, 0)


def test_the_code_of_a_table_is_that_of_what_decided(tmp_path, cli):
    image = FIXTURES / "efi" / "captures" / "a-gen1"
    add(cli, tmp_path / "d", image, "--consumer-efi", "none")
    (host,) = rows(tmp_path / "d", "hosts")
    assert (host["efi_outcome"], host["efi_code"]) == (None, "HP829")  # a warning


def test_rows_of_lists(tmp_path, cli):
    batch = manifest(tmp_path, [("a", NIGHT, "0x100-0x101\n0x200\n"), ("b", None, "# none\n")])
    got = add(cli, tmp_path / "d", "--batch", batch, "--json")
    schemas.check(got.json, "fleet-add")
    left_out = "left out where captures are compared (lost, new, growing, repeat)"
    assert got.err.splitlines() == [f"hwpkho: 1 case without a time: {left_out}"]
    assert {k: got.json[k] for k in ("cases", "added", "known", "pages")} == {
        "cases": 2, "added": 2, "known": 0, "pages": 2,
    }  # fmt: skip
    a, b = rows(tmp_path / "d", "hosts")
    assert (a["host"], a["host_from"], a["day"], str(a["taken_at"])) == (
        "a", "manifest", "2026-11-28", "2026-11-28 03:00:00",
    )  # fmt: skip
    assert (a["pages"], a["outcome"], a["sources"], a["ok"]) == (3, None, "text", True)
    assert (b["pages"], b["taken_at"], b["day"]) == (0, None, NO_DAY)
    runs = [(r["host"], r["first_pfn"], r["last_pfn"], r["pages"]) for r in rows(tmp_path / "d")]
    assert runs == [("a", 0x100, 0x101, 2), ("a", 0x200, 0x200, 1)]
    found = rows(tmp_path / "d", "findings")
    assert [r["code"] for r in found if r["host"] == "a"] == ["HP600"]
    assert {r["case_id"] for r in rows(tmp_path / "d")} == {a["case_id"]}


@pytest.mark.parametrize("name", some([n for n in captures.NAMES if "luo" not in n], 8))
def test_rows_are_what_validate_says(name, tmp_path, cli, capture):
    iomem = captures.folder(name) / "iomem.txt"
    maps = ["--memmap", iomem] if iomem.exists() else []
    said = cli("validate", "--json", capture(name), *maps).json
    add(cli, tmp_path / "d", capture(name), *maps)
    (host,) = rows(tmp_path / "d", "hosts")
    assert host["outcome"] == said["outcome"]
    unread = name in ("arm64-4k-emptied-gen2", "x86-empty-post")  # null, and not no page
    assert host["pages"] == (None if unread else said["summary"]["pfns"])
    assert host["ok"] == said["ok"]
    counts = {v: host[f"pages_{v.replace('-', '_')}"] for v in said["summary"]["by_verdict"]}
    assert counts == said["summary"]["by_verdict"]
    runs = [
        {k: r[k] for k in ("verdict", "code", "first_pfn", "last_pfn")}
        for r in rows(tmp_path / "d")
    ]
    told = [
        {
            "verdict": r["verdict"], "code": r["code"], "first_pfn": r["first"],
            "last_pfn": r["last"],
        }
        for r in said["runs"]
    ]  # fmt: skip
    assert sorted(map(str, runs)) == sorted(map(str, told))
    found = rows(tmp_path / "d", "findings")
    assert [(f["code"], f["message"]) for f in found] == [
        (f["code"], f["message"]) for f in said["findings"]
    ]


def test_files_have_the_schema(tmp_path, cli, subtests):
    add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("a", NIGHT, "1\n0x90000000000000\n")]))
    for table in TABLES:
        with subtests.test(table):
            (path,) = (tmp_path / "d" / table).glob("day=2026-11-28/*.parquet")
            schema = pq.read_schema(path)
            assert schema.equals(arrow.schema(table), check_metadata=False)
            assert schema.metadata[b"hwpkho.schema"] == b"hwpkho.fleet/1"
            assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_pfn_beyond_every_signed_number_is_counted(tmp_path, cli):
    text = f"1\n{2**63 - 1:#x}\n{2**63:#x}-{2**64 - 1:#x}\n"
    add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("a", NIGHT, text)]))
    (host,) = rows(tmp_path / "d", "hosts")
    assert host["error"] is not None or host["pages"] >= 2


def test_the_same_capture_twice_is_one(tmp_path, cli):
    batch = manifest(tmp_path, [("a", NIGHT, "1\n"), ("b", NIGHT, "1\n")])
    lines = batch.read_text().splitlines(keepends=True)
    batch.write_text("".join(lines * 2))
    assert add(cli, tmp_path / "d", "--batch", batch).out.startswith("2 cases added, 2 there")
    assert add(cli, tmp_path / "d", "--batch", batch).out.startswith("0 cases added, 4 there")
    (tmp_path / "copy").mkdir()
    copied = manifest(tmp_path / "copy", [("b", "2026-11-28T04:00:00+01:00", "1\n")])
    assert add(cli, tmp_path / "d", "--batch", copied).out.startswith("0 cases added, 1 there")
    assert len(rows(tmp_path / "d", "hosts")) == 2
    other = manifest(tmp_path / "copy", [("b", NIGHT, "2\n")])
    assert add(cli, tmp_path / "d", "--batch", other).out.startswith("1 case added, 0 there")


def test_the_same_path_spelled_otherwise_is_one(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("1\n")
    assert add(cli, "d", "a.txt", "./a.txt").out.startswith("1 case added, 1 there")


def test_another_map_judges_anew(tmp_path, cli, subtests):
    """The later judgement counts; a part of the data set holds a case once."""
    batch = manifest(tmp_path, [("a", NIGHT, "0x90000\n")])
    for end in ("ffffffff", "7fffffff"):
        with subtests.test(end):
            iomem = tmp_path / "iomem.txt"
            iomem.write_text(f"00000000-{end} : System RAM\n")
            out = add(cli, tmp_path / "d", "--batch", batch, "--memmap", iomem).out
            assert out.startswith("1 case added, 0 there already")
    first, second = sorted(rows(tmp_path / "d", "hosts"), key=lambda r: r["added_at"])
    assert first["case_id"] == second["case_id"]
    assert first["part"] != second["part"]
    assert [r["pages_not_ram"] for r in (first, second)] == [0, 1]


def test_a_clock_that_goes_back(tmp_path, cli, monkeypatch):
    batch = manifest(tmp_path, [("a", NIGHT, "0x100\n")])
    add(cli, tmp_path / "d", "--batch", batch)
    monkeypatch.setattr(time, "time_ns", lambda: 10**15)
    add(cli, tmp_path / "d", "--batch", batch, "--max-pages", 0)
    first, second = sorted(rows(tmp_path / "d", "hosts"), key=lambda r: r["added_at"])
    assert (first["ok"], second["ok"]) == (True, False)


def test_cases_that_cannot_be_judged_are_rows(tmp_path, cli):
    batch = manifest(tmp_path, [("a", NIGHT, "no list\x1b[2J"), ("b", NIGHT, "1\n")])
    (tmp_path / "gone.jsonl").write_text(
        batch.read_text()
        + json.dumps({"host": "c", "taken_at": NIGHT, "inputs": ["nothing.txt"]})
        + "\nno json\n"
        + json.dumps({"host": "d", "taken_at": NIGHT, "inputs": ["/etc/passwd"]})
        + "\n"
    )
    got = add(cli, tmp_path / "d", "--batch", tmp_path / "gone.jsonl")
    assert got.out.startswith("5 cases added")
    assert got.err.startswith("hwpkho: 4 cases could not be judged; the rows say why\n")
    found = {r["host"]: r for r in rows(tmp_path / "d", "hosts")}
    assert found["b"]["error"] is None
    assert [found[h]["exit"] for h in "abcd"] == [3, 0, 3, 3]
    assert "no such file" in found["c"]["error"].lower()
    assert "an absolute path; --outside allows that" in found["d"]["error"]
    assert (found["a"]["pages"], found["a"]["ok"]) == (None, False)
    assert "\x1b" not in got.err + found["a"]["error"]
    again = add(cli, tmp_path / "d", "--batch", tmp_path / "gone.jsonl")
    assert again.out.startswith("0 cases added, 5 there already")


@pytest.mark.parametrize("spelt", ["{}/1.txt", "{}//1.txt", "{}/./1.txt"])
def test_an_absolute_path_however_it_is_spelt(spelt, tmp_path, cli):
    (tmp_path / "1.txt").write_text("1\n")
    batch = tmp_path / "m.jsonl"
    batch.write_text(json.dumps({"host": "a", "inputs": [spelt.format(tmp_path)]}))
    add(cli, tmp_path / "d", "--batch", batch)
    (row,) = rows(tmp_path / "d", "hosts")
    assert "an absolute path; --outside allows that" in row["error"]


@pytest.mark.slow
def test_outside(tmp_path, cli):
    (tmp_path / "elsewhere.txt").write_text("1\n")
    (tmp_path / "in").mkdir()
    batch = tmp_path / "in" / "m.jsonl"
    batch.write_text(
        json.dumps({"host": "a", "inputs": ["../elsewhere.txt"]})
        + "\n"
        + json.dumps({"host": "b", "inputs": [str(tmp_path / "elsewhere.txt")]})
    )
    add(cli, tmp_path / "d1", "--batch", batch)
    assert [bool(r["error"]) for r in rows(tmp_path / "d1", "hosts")] == [True, True]
    add(cli, tmp_path / "d2", "--batch", batch, "--outside")
    assert [bool(r["error"]) for r in rows(tmp_path / "d2", "hosts")] == [False, False]


HOSTILE = [
    "a/b", "../../etc", "a\nb", "a\x1b[2Jb", "'; DROP TABLE hosts; --", '"', "\u202e", "x" * 255,
    "day=2026-01-01", "{host}", "%s", "日本",
]  # fmt: skip


def test_hostile_hosts(tmp_path, cli):
    add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [(h, NIGHT, "1\n") for h in HOSTILE]))
    found = rows(tmp_path / "d", "hosts")
    assert len({r["host"] for r in found}) == len(HOSTILE)
    assert all(r["host"].isprintable() for r in found)
    assert {p.name for p in (tmp_path / "d").iterdir()} == {
        "hosts", "pages", "findings", "_hwpkho", "hwpkho-fleet.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    some([
        ("host", ""), ("host", 7), ("host", "x" * 300), ("host", ["a"]), ("host", " "),
        ("taken_at", "yesterday"), ("taken_at", "2026-13-01"), ("taken_at", 1764299000),
        ("taken_at", "9999-12-31T23:59:59-23:00"), ("boot_id", {}),
    ], 5),
)  # fmt: skip
def test_what_a_manifest_says_of_a_host_and_cannot_be_used(key, value, tmp_path, cli):
    (tmp_path / "a.txt").write_text("1\n")
    line = {"case": "the case", "inputs": ["a.txt"], key: value}
    (tmp_path / "m.jsonl").write_text(json.dumps(line))
    got = add(cli, tmp_path / "d", "--batch", tmp_path / "m.jsonl", "--json")
    assert got.json["remarked"] == 1
    (host,) = rows(tmp_path / "d", "hosts")
    assert host["remark"].startswith(key)
    assert (host["host"], host["taken_at"], host["pages"]) == ("the case", None, 1)


def test_host_and_time_of_names(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for night in ("2026-11-27", "20261128T0300"):
        Path(night).mkdir()
        Path(night, "web-1.example.txt").write_text("1\n")
    add(cli, "d", "--names", "{taken_at}/{host}.txt", *sorted(map(str, Path().glob("2026*/*"))))
    found = [(r["host"], r["host_from"], str(r["taken_at"])) for r in rows(Path("d"), "hosts")]
    assert found == [
        ("web-1.example", "names", "2026-11-27 00:00:00"),
        ("web-1.example", "names", "2026-11-28 03:00:00"),
    ]


def test_the_time_of_a_crash(tmp_path, cli, capture):
    add(cli, tmp_path / "d", capture("x86-vmcore-structv1"))
    (host,) = rows(tmp_path / "d", "hosts")
    assert (host["time_from"], str(host["taken_at"])) == ("capture", "2026-11-23 06:11:35")
    assert (host["release"], host["host_from"]) == ("7.3.4", "case")


@pytest.mark.parametrize(
    ("nodename", "host", "host_from"),
    [(b"web-1", "web-1", "capture"), (b"(none)", None, "case"), (b"localhost", None, "case"),
     (b"a\x1b[2J", "a\\x1b[2J", "capture")],
)  # fmt: skip
def test_host_and_time_of_a_kdump(nodename, host, host_from, tmp_path, cli):
    """The header of a real one, whose machine had no name."""
    image = bytearray((FIXTURES / "kdump" / "memory.kdump-zlib").read_bytes())
    image[77:142] = nodename.ljust(65, b"\0")
    image[408:416] = (1_795_000_000).to_bytes(8, "little")
    path = tmp_path / "dump"
    path.write_bytes(image)
    add(cli, tmp_path / "d", path)
    (row,) = rows(tmp_path / "d", "hosts")
    assert (row["host"], row["host_from"]) == (host or str(path)[:255], host_from)
    assert (str(row["taken_at"]), row["time_from"]) == ("2026-11-18 11:06:40", "capture")


@pytest.mark.parametrize(
    "names", ["", "x", "{host}{host}", "{hosts}", "{", "*****{host}", "{host}}"]
)
def test_patterns_that_are_none(names, tmp_path, cli):
    (tmp_path / "a").write_text("1\n")
    got = add(cli, tmp_path / "d", "--names", names, tmp_path / "a", code=2)
    assert got.err.startswith("hwpkho: --names")
    assert not (tmp_path / "d").exists()


def test_a_batch_of_folders(tmp_path, cli):
    for host in ("h1", "h2"):
        (tmp_path / "cases" / host).mkdir(parents=True)
        (tmp_path / "cases" / host / "list.txt").write_text("0x100\n")
        (tmp_path / "cases" / host / "iomem.txt").write_text("00000000-7fffffff : System RAM\n")
    add(cli, tmp_path / "d", "--batch", tmp_path / "cases")
    found = [(r["host"], r["host_from"], r["pages_replays"]) for r in rows(tmp_path / "d", "hosts")]
    assert found == [("h1", "case", 1), ("h2", "case", 1)]


def test_usage(tmp_path, cli):
    (tmp_path / "a").write_text("1\n")
    assert "no CASE" in add(cli, tmp_path / "d", code=2).err
    both = add(cli, tmp_path / "d", "--batch", tmp_path, tmp_path / "a", code=2)
    assert "either CASE or --batch" in both.err
    assert add(cli, "", tmp_path / "a", code=2).err == "hwpkho: DATASET is an empty name\n"
    assert "--outside" in add(cli, tmp_path / "d", "--outside", tmp_path / "a", code=2).err
    assert add(cli, tmp_path / "d", "-", code=2).err.startswith("hwpkho: -: a case is a file")
    assert add(cli, tmp_path / "d", tmp_path / "b", code=3).err.endswith("no such file or folder\n")
    assert not (tmp_path / "d").exists()


# The data set's folder


def test_a_folder_with_other_files_is_no_data_set(tmp_path, cli):
    (tmp_path / "a").write_text("1\n")
    got = add(cli, tmp_path, tmp_path / "a", code=3)
    assert "give a new or an empty folder" in got.err
    assert got.err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("schema", some(["hwpkho.fleet/2", "x\x1b[2J", None, 1], 4))
def test_another_version_is_refused(schema, tmp_path, cli):
    (tmp_path / "a").write_text("1\n")
    add(cli, tmp_path / "d", tmp_path / "a")
    (tmp_path / "d" / "hwpkho-fleet.json").write_text(json.dumps({"schema": schema}))
    got = add(cli, tmp_path / "d", tmp_path / "a", code=3)
    assert "this hwpkho reads and writes hwpkho.fleet/1: use the hwpkho that wrote it" in got.err
    assert got.err.count("\n") == 1
    assert "\x1b" not in got.err


def _spoil(path, how):
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "foreign":
        pq.write_table(pa.table({"case_id": ["x"]}), path)
    elif how == "version":
        table = pq.read_table(path, partitioning=None)
        pq.write_table(table.replace_schema_metadata({"hwpkho.schema": "hwpkho.fleet/9"}), path)
    elif how == "columns":
        table = pq.read_table(path, partitioning=None)
        pq.write_table(table.drop_columns(["case_name"]), path)
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path)
    elif how == "damaged":
        data = bytearray(path.read_bytes())
        data[4:200] = b"\xff" * 196
        path.write_bytes(data)


def test_a_file_without_rows(tmp_path, cli):
    """As another program may leave one."""
    (tmp_path / "a").write_text("1\n")
    (tmp_path / "b").write_text("2\n")
    add(cli, tmp_path / "d", tmp_path / "a")
    (path,) = (tmp_path / "d" / "hosts").glob("day=*/*.parquet")
    pq.write_table(pq.read_table(path, partitioning=None).slice(0, 0), path.with_stem("none"))
    add(cli, tmp_path / "d", tmp_path / "b")
    assert [r["error"] for r in rows(tmp_path / "d", "hosts")] == [None, None]
    assert len(rows(tmp_path / "d", "pages")) == 2


@pytest.mark.parametrize(
    "how",
    some(["truncated", "fifo", "empty", "foreign", "columns", "damaged", "version"], 6),
)
def test_files_that_are_none_of_ours(how, tmp_path, cli):
    add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("a", NIGHT, "1\n")]))
    (path,) = (tmp_path / "d" / "hosts").glob("*/*.parquet")
    _spoil(path, how)
    other = manifest(tmp_path, [("b", NIGHT, "1\n")])
    before = sorted(p for p in (tmp_path / "d").rglob("*.parquet"))
    got = add(cli, tmp_path / "d", "--batch", other, code=3)
    assert str(path) in got.err
    assert got.err.count("\n") == 1
    assert sorted(p for p in (tmp_path / "d").rglob("*.parquet")) == before


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path, cli):
    (tmp_path / "d").mkdir(mode=0o555)
    (tmp_path / "a").write_text("1\n")
    assert add(cli, tmp_path / "d", tmp_path / "a", code=3).err.count("\n") == 1


def test_no_space(tmp_path, cli, monkeypatch):
    """Nothing of a part is left where it does not fit."""
    batch = manifest(tmp_path, [("a", NIGHT, "1\n")])
    add(cli, tmp_path / "d", "--batch", batch)
    before = sorted(p for p in (tmp_path / "d").rglob("*"))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    got = add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("b", NIGHT, "1\n")]), code=3)
    monkeypatch.undo()
    assert "No space left on device" in got.err
    assert str(tmp_path / "d") in got.err
    assert sorted(p for p in (tmp_path / "d").rglob("*")) == before


def test_what_is_left_ready_is_checked(tmp_path, cli):
    """A name there becomes a path."""
    (tmp_path / "a").write_text("1\n")
    add(cli, tmp_path / "d", tmp_path / "a")
    ready = tmp_path / "d" / "_hwpkho" / "ready-x"
    ready.mkdir()
    (ready / "hosts!..!..!..!pwned").write_text("")
    assert "remove it" in add(cli, tmp_path / "d", tmp_path / "a", code=3).err
    assert not (tmp_path.parent / "pwned").exists()


def test_without_the_extra(tmp_path, cli, monkeypatch):
    (tmp_path / "a").write_text("1\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    got = add(cli, tmp_path / "d", tmp_path / "a", code=2)
    assert got.err == "hwpkho: needs pyarrow and duckdb: pip install 'hwpkho[fleet]'\n"
    assert not (tmp_path / "d").exists()


def test_other_commands_do_not_load_it(tmp_path):
    """Start-up is what it was."""
    code = (
        "import sys; from tests.support.program import run_cli; run_cli('schema'); "
        "print(*(m for m in ('pyarrow', 'duckdb', 'fsspec', 'hwpkho.fleet') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_names_of_columns_are_told_apart(subtests):
    for table, columns in TABLES.items():
        with subtests.test(table):
            names = [c.name for c in columns]
            assert len(names) == len(set(names))
            assert "day" not in names


@pytest.mark.slow
def test_modes_follow_the_umask(tmp_path, cli):
    old = os.umask(0o027)
    try:
        add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("a", NIGHT, "1\n")]))
    finally:
        os.umask(old)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "d").rglob("*.parquet")}
    assert modes == dict.fromkeys(modes, 0o640)


@pytest.mark.slow
def test_a_url(tmp_path, cli):
    """Of whatever fsspec knows; here of its own memory."""
    batch = manifest(tmp_path, [("a", NIGHT, "1-3\n"), ("a", "2026-11-29", "1\n")])
    url = f"memory://{tmp_path.name}/d"
    assert add(cli, url, "--batch", batch).out.startswith("2 cases added")
    assert add(cli, url, "--batch", batch).out.startswith("0 cases added, 2 there")
    (row,) = cli("fleet", "ask", url, "lost", "--json").json["rows"]
    assert (row["first_pfn"], row["last_pfn"]) == (2, 3)
    assert cli("fleet", "ask", url, "--sql", "SELECT host FROM hosts").code == 0


def test_two_that_add_the_same_to_a_url_at_once(tmp_path, monkeypatch):
    """What one of them has just written aside is not taken away by the other."""
    place = Remote(f"memory://{tmp_path.name}/d")
    files = {f"{table}/day={NO_DAY}/{'0' * 32}.parquet": b"x" for table in TABLES}
    move = place.system.mv
    others = iter([lambda: place.put("0" * 32, files)])

    def mv(source, target):
        next(others, lambda: None)()
        move(source, target)

    monkeypatch.setattr(place.system, "mv", mv)
    place.put("0" * 32, files)
    assert sum(len(place.files(table)) for table in TABLES) == len(TABLES)
    assert place.system.find(f"{tmp_path.name}/d/_hwpkho") == []


@pytest.mark.parametrize("url", ["nothing://x", "s3://"])
def test_a_url_of_an_unknown_kind(url, cli):
    got = cli("fleet", "ask", url, "lost")
    assert (got.code, got.err.count("\n")) == (2, 1)


@pytest.mark.slow
def test_a_disk_that_is_full(tmp_path):
    """A file may have so many bytes and no more."""
    batch = manifest(tmp_path, [(f"h{i}", NIGHT, f"{i}\n") for i in range(40)])
    args = ("fleet", "add", tmp_path / "d", "--batch", batch, "--jobs", 1)
    got = forked.run(*args, limits={"FSIZE": 4000})
    assert got.code == 3
    assert got.err.count(b"\n") == 1
    assert str(tmp_path / "d").encode() in got.err
    assert [p.name for p in (tmp_path / "d" / "_hwpkho").iterdir()] == ["lock"]
    assert list((tmp_path / "d").rglob("*.parquet")) == []
    assert forked.run(*args).code == 0
    assert len(rows(tmp_path / "d", "hosts")) == 40


# Several writers, and kills


@pytest.mark.slow
def test_two_writers_at_once(tmp_path):
    batch = manifest(tmp_path, [(f"h{i}", NIGHT, f"{i}\n") for i in range(50)])
    args = ("fleet", "add", tmp_path / "d", "--batch", batch, "--jobs", 1)
    running = [forked.start(*args) for _ in range(2)]
    codes = [r.wait().code for r in running]
    assert codes == [0, 0]
    assert len(rows(tmp_path / "d", "hosts")) == 50
    assert len(rows(tmp_path / "d")) == 50


@pytest.mark.slow
@pytest.mark.parametrize("event", [25, 45, 65, 85])
def test_several_writers_of_whom_one_is_killed(event, tmp_path):
    """Each adds half of what another adds, too."""
    batches = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        cases = [(f"h{i}", NIGHT, f"{i + 1}\n") for i in range(number * 20, number * 20 + 40)]
        batches.append(manifest(tmp_path / str(number), cases))
    calls = [("fleet", "add", tmp_path / "d", "--batch", b, "--jobs", 1) for b in batches]
    kills = [(int(signal.SIGKILL), event), None, None]
    running = [forked.start(*c, kill=k) for c, k in zip(calls, kills, strict=True)]
    assert [r.wait().code for r in running][1:] == [0, 0]
    assert forked.run(*calls[0]).code == 0
    hosts = rows(tmp_path / "d", "hosts")
    assert sorted(r["host"] for r in hosts) == sorted(f"h{i}" for i in range(80))
    assert sorted(r["first_pfn"] for r in rows(tmp_path / "d")) == list(range(1, 81))
    assert [p.name for p in (tmp_path / "d" / "_hwpkho").iterdir()] == ["lock"]


def _killed_at_each_event(folder, number, every, subtests):
    nights = [NIGHT, "2026-11-27"]
    batch = manifest(folder, [(f"h{i}", nights[i % 2], f"{i + 1}\n") for i in range(4)])
    at, events = 1, 1
    while at <= events:
        dataset = folder / f"d{at}"
        args = ("fleet", "add", dataset, "--batch", batch, "--jobs", 1)
        got = forked.run(*args, kill=(int(number), at))
        if got.code == 0:
            events = int(got.err.split()[-1])
            break
        events = at + every
        with subtests.test(f"event {at}"):
            for path in dataset.glob("*/day=*/*.parquet"):
                pq.read_table(path, partitioning=None)
            assert forked.run(*args).code == 0
            assert len(rows(dataset, "hosts")) == 4
            assert len({r["case_id"] for r in rows(dataset, "hosts")}) == 4
            assert sorted(r["first_pfn"] for r in rows(dataset)) == [1, 2, 3, 4]
            assert len(rows(dataset, "findings")) == 4
            assert [p.name for p in (dataset / "_hwpkho").iterdir()] == ["lock"]
        at += every
    return events


@pytest.mark.slow
def test_killed_at_a_file_event(tmp_path, subtests):
    assert _killed_at_each_event(tmp_path, signal.SIGKILL, 23, subtests) > 20


@pytest.mark.slow
def test_killed_at_each_file_event(tmp_path, subtests):
    """No row is lost, none is there twice, no file is broken."""
    assert _killed_at_each_event(tmp_path, signal.SIGKILL, 1, subtests) > 20


def test_a_pattern_that_fits_no_case_adds_nothing(tmp_path, cli):
    (tmp_path / "a").write_text("0x10\n")
    got = add(cli, tmp_path / "d", "--names", "{host}.txt", tmp_path / "a", code=2)
    assert (
        got.err == f"hwpkho: --names: no case ends with {{host}}.txt; the first is {tmp_path}/a\n"
    )
    assert not (tmp_path / "d").exists()
    (tmp_path / "b.txt").write_text("0x10\n")
    add(cli, tmp_path / "d", "--names", "{host}.txt", tmp_path / "a", tmp_path / "b.txt")


def test_a_file_is_no_data_set(tmp_path, cli):
    (tmp_path / "a").write_text("0x10\n")
    got = add(cli, tmp_path / "a", tmp_path / "a", code=3)
    assert got.err == f"hwpkho: {tmp_path}/a: is a file; a data set is a folder\n"


@pytest.mark.parametrize("command", [("add", "LIST"), ("ask", "summary"), ("shell",)])
def test_a_data_set_whose_path_is_no_utf_8(command, tmp_path, cli):
    """Parquet's readers cannot open it; nothing is made that could not be read."""
    (tmp_path / "l").write_text("0x10\n")
    name, *more = (str(tmp_path / "l") if a == "LIST" else a for a in command)
    got = cli("fleet", name, tmp_path / "d\udcff", *more)
    assert (got.code, got.out) == (2, "")
    assert got.err.endswith("d\\udcff: a data set's path is UTF-8\n")
    assert not (tmp_path / "d\udcff").exists()


# Links and strangers in a data set


def _victim(folder):
    """A folder of somebody else, in which files lie as hwpkho calls its own."""
    for name in ("new-project", f"new-{'0' * 32}", f"ready-{'0' * 32}"):
        (folder / name).mkdir(parents=True)
        (folder / name / f"hosts!day=2026-11-28!{'0' * 32}.parquet").write_text("precious")
    return folder


@pytest.mark.parametrize(
    "place", ["_hwpkho", "hosts", "pages", "hosts/day=2026-11-28", "findings/day=2026-11-28"]
)
def test_a_link_in_a_data_set_leads_nobody_out_of_it(place, tmp_path, cli):
    dataset, victim = tmp_path / "d", _victim(tmp_path / "victim")
    add(cli, dataset, "--batch", manifest(tmp_path, [("a", NIGHT, "1\n")]))
    (dataset / place).rename(tmp_path / "moved")
    (dataset / place).symlink_to(victim)
    before = sorted(victim.rglob("*"))
    got = add(cli, dataset, "--batch", manifest(tmp_path, [("b", NIGHT, "2\n")]), code=3)
    assert got.err == f"hwpkho: {dataset / place}: is a link; move it out of the data set\n"
    assert sorted(victim.rglob("*")) == before
    assert [p.name for p in dataset.rglob("*.parquet") if p.is_symlink()] == []
    (dataset / place).unlink()
    (tmp_path / "moved").rename(dataset / place)
    again = add(cli, dataset, "--batch", manifest(tmp_path, [("b", NIGHT, "2\n")]))
    assert again.out.startswith("1 case added")


@pytest.mark.parametrize("name", [f"ready-{'0' * 32}", f"new-{'0' * 32}"])
def test_a_link_that_looks_half_done(name, tmp_path, cli):
    dataset, victim = tmp_path / "d", _victim(tmp_path / "victim")
    add(cli, dataset, "--batch", manifest(tmp_path, [("a", NIGHT, "1\n")]))
    (dataset / "_hwpkho" / name).symlink_to(victim / name)
    before = sorted(victim.rglob("*"))
    got = add(cli, dataset, "--batch", manifest(tmp_path, [("b", NIGHT, "2\n")]), code=3)
    assert got.err.endswith(f"{name}: is a link; move it out of the data set\n")
    assert sorted(victim.rglob("*")) == before


def test_what_others_keep_beside_the_lock_stays(tmp_path, cli):
    dataset = tmp_path / "d"
    add(cli, dataset, "--batch", manifest(tmp_path, [("a", NIGHT, "1\n")]))
    (dataset / "_hwpkho" / "new-ideas").mkdir()
    (dataset / "_hwpkho" / "new-ideas" / "note").write_text("mine")
    add(cli, dataset, "--batch", manifest(tmp_path, [("b", NIGHT, "2\n")]))
    assert (dataset / "_hwpkho" / "new-ideas" / "note").read_text() == "mine"


def test_a_lock_that_is_a_link(tmp_path, cli):
    add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("a", NIGHT, "1\n")]))
    lock = tmp_path / "d" / "_hwpkho" / "lock"
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    got = add(cli, tmp_path / "d", "--batch", manifest(tmp_path, [("b", NIGHT, "1\n")]), code=3)
    assert got.err.count("\n") == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_where_a_folder_belongs(tmp_path, cli, subtests):
    batch = manifest(tmp_path, [("a", NIGHT, "1\n")])
    add(cli, tmp_path / "d", "--batch", batch)
    (tmp_path / "d" / "hosts" / "day=2026-01-01").write_text("")
    for args in (["ask", tmp_path / "d", "lost"], ["shell", tmp_path / "d"]):
        with subtests.test(args[0]):
            got = cli("fleet", *args)
            assert (got.code, got.err.count("\n")) == (3, 1)
            assert "day=2026-01-01: is not a folder; move it out of the data set" in got.err


def test_a_data_set_that_is_a_file_is_said_to_be_one(tmp_path, cli, subtests):
    (tmp_path / "a").write_text("0x10\n")
    os.mkfifo(tmp_path / "b")
    for name, command in (("a", "ask"), ("a", "shell"), ("b", "ask")):
        with subtests.test(f"{command} {name}"):
            asked = ["lost"] if command == "ask" else []
            got = cli("fleet", command, tmp_path / name, *asked)
            assert (got.code, got.err) == (
                3, f"hwpkho: {tmp_path / name}: is a file; a data set is a folder\n",
            )  # fmt: skip


def test_a_case_that_is_named_once(tmp_path, cli):
    (tmp_path / "a").write_text("no list")
    got = add(cli, tmp_path / "d", tmp_path / "a")
    assert got.err.splitlines()[1].count(str(tmp_path / "a")) == 1


def test_what_is_hashed_is_what_is_judged(tmp_path, cli, monkeypatch):
    """Somebody replaces a list while it is added."""
    batch = manifest(tmp_path, [("a", NIGHT, "1\n")])
    (path,) = tmp_path.glob("*.txt")
    hashed = content.of_inputs

    def then_replaced(specs):
        found = hashed(specs)
        if list(specs):
            (tmp_path / "other").write_text("2\n3\n")
            (tmp_path / "other").replace(path)
        return found

    monkeypatch.setattr(content, "of_inputs", then_replaced)
    add(cli, tmp_path / "d", "--batch", batch, "--jobs", 1)
    assert [r["first_pfn"] for r in rows(tmp_path / "d")] == [1]


def test_a_segment_of_memory_that_begins_as_a_compressed_file_does(tmp_path, cli):
    """No reader of memory unpacks it, so nothing that hashes it does."""
    case = tmp_path / "case"
    case.mkdir()
    machine = Machine()
    machine.handover([0x50000])
    for phys, data in machine.memory.items():
        (case / f"0x{phys:x}.bin").write_bytes(data)
    (case / "0x7f000000.bin").write_bytes(b"\x1f\x8b\x08" + bytes(4093))
    add(cli, tmp_path / "d", case)
    (host,) = rows(tmp_path / "d", "hosts")
    assert (host["error"], host["pages"]) == (None, 1)


def test_a_map_of_all_cases_that_is_replaced_between_calls(tmp_path, cli):
    """What is kept of a map is kept for a call."""
    batch = manifest(tmp_path, [("a", NIGHT, "0x90000\n"), ("b", NIGHT, "0x90001\n")])
    iomem = tmp_path / "iomem.txt"
    iomem.write_text("00000000-ffffffff : System RAM\n")
    add(cli, tmp_path / "d", "--batch", batch, "--memmap", iomem)
    iomem.write_text("00000000-7fffffff : System RAM\n")
    add(cli, tmp_path / "e", "--batch", batch, "--memmap", iomem)
    assert [r["pages_not_ram"] for r in rows(tmp_path / "d", "hosts")] == [0, 0]
    assert [r["pages_not_ram"] for r in rows(tmp_path / "e", "hosts")] == [1, 1]
