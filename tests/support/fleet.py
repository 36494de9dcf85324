"""Manifests and data sets of fleets for tests."""

from __future__ import annotations

import json
import shutil
from array import array
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from hwpkho.fleet import add, content, places
from hwpkho.fleet.known import Known, key_of
from hwpkho.fleet.rows import CaseRows, Segment, Shared
from hwpkho.fleet.schema import TABLES
from tests.support import FIXTURES, captures

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def manifest(folder: Path, cases: Iterable[tuple[str, str | None, str]], **more: Any) -> Path:
    """Write lists, each with its host and time, and their manifest; return its path.

    ``more`` are further fields of each line.
    """
    batch = folder / "fleet.jsonl"
    lines = []
    for number, (host, taken_at, text) in enumerate(cases):
        (folder / f"list-{number}.txt").write_text(text)
        line = {"host": host, "inputs": [f"list-{number}.txt"], **more}
        lines.append(line if taken_at is None else {**line, "taken_at": taken_at})
    batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return batch


def mixed_night(folder: Path) -> Path:
    """Make a folder of good, broken and hostile cases; return their manifest."""
    folder.mkdir()
    night = "2026-11-28T03:00:00Z"
    batch = manifest(folder, [
        ("a", night, "0x40100-0x40101\n0x40200\n"), ("b", None, "# none\n"),
        ("c", night, "no list"), ("d\x1b[2J'; DROP", night, f"{2**63 - 1:#x}\n{2**64 - 1:#x}\n"),
        ("e", "yesterday", "1-9\n"), ("a", night, "0x40100-0x40101\n0x40200\n"),
    ], memmap=["iomem.txt"])  # fmt: skip
    (folder / "iomem.txt").write_text("40000000-7fffffff : System RAM\n")
    (folder / "vmcore").write_bytes(captures.elf("x86-structv1-small"))
    (folder / "torn").write_bytes(captures.elf("x86-structv1-small")[:5000])
    (folder / "copy").mkdir()
    shutil.copytree(FIXTURES / "captures/x86-structv1-small/debugfs-kho", folder / "copy" / "kho")
    lines: list[dict[str, Any]] = [
        {"host": "v", "taken_at": night, "inputs": ["vmcore"]},
        {"host": "t", "taken_at": night, "inputs": ["torn"]},
        {"host": "k", "taken_at": night, "inputs": ["copy"]},
        {"host": "gone", "taken_at": night, "inputs": ["nothing-there"]},
        {"host": "out", "taken_at": night, "inputs": ["../../etc/passwd"]},
        {"host": "abs", "taken_at": night, "inputs": ["/etc/passwd"]},
        {"host": "opt", "taken_at": night, "inputs": ["list-0.txt"], "options": {"arch": "vax"}},
        {"host": "map", "taken_at": night, "inputs": ["list-0.txt"], "memmap": ["no-map.txt"]},
        {"host": "dimm", "taken_at": night, "inputs": ["list-0.txt"], "dimms": ["no-dimm.txt"]},
        {"host": "based", "taken_at": night, "inputs": ["list-0.txt@0x1000"]},
    ]
    more = [*map(json.dumps, lines), "{", '{"case": 7}', json.dumps({"host": "e", "inputs": []})]
    with batch.open("a") as out:
        out.write("".join(f"{line}\n" for line in more))
    return batch


def rows(dataset: Path, table: str = "pages") -> list[dict[str, Any]]:
    """Return the rows of a table, with their day, as a reader of Parquet sees them."""
    found = []
    for path in sorted((dataset / table).glob("day=*/*.parquet")):
        day = path.parent.name.removeprefix("day=")
        found += [{**r, "day": day} for r in pq.read_table(path, partitioning=None).to_pylist()]
    return found


def with_gaps(dataset: Path) -> Path:
    """Make a data set that answers every question, with nulls wherever rows may have them."""
    nights = [1764385200_000_000 + day * 86_400_000_000 for day in range(4)]
    nothing = Shared(None, None, None, None, None, None, None, None, "unknown")
    known = nothing._replace(dimm="P0 C1", dimm_serial="S1")
    told = nothing._replace(dimm_serial="S1")
    cases = [
        _host_rows("a", nights[0], [(1, 9)], nothing),
        _host_rows("a", nights[1], [(1, 1)], nothing),
        _host_rows("a", nights[2], [(1, 1), (3, 4)], nothing, release="7.0"),
        _host_rows("a", nights[3], [(1, 40)], known, release="7.0"),
        _host_rows("b", nights[3], [(7, 7)], told, outcome="crash", code="HP301"),
        _host_rows("d", nights[2], [(7, 7)], told, outcome="crash"),
        _host_rows("b", nights[2], [(8, 8)], nothing, outcome="crash", efi_outcome="refused"),
        _host_rows("c", None, [(5, 44)], nothing, outcome="crash"),
        _host_rows(None, nights[0], [(5, 44)], nothing, outcome="crash"),
        _host_rows(None, None, [(5, 44)], nothing, error="x", release="6.9"),
    ]
    for case in cases[-3:]:
        case.findings = [("HP301", "error", "source", "m", None, None, None)]
    place = places.at(str(dataset))
    places.ensure(place, create=True)
    writer = add._Writer(place, Known(place))
    writer.take(cases)
    writer.flush()
    return dataset


def _host_rows(
    host: str | None,
    taken_at: int | None,
    runs: list[tuple[int, int]],
    shared: Shared,
    **more: Any,
) -> CaseRows:
    ident = content.digest(str((host, taken_at)))
    found = CaseRows(key_of(ident, b""), source="text")
    pages = sum(last - first + 1 for first, last in runs)
    plain: dict[str, Any] = {"int": 0, "bool": True}
    found.host = {c.name: plain.get(c.type, "") for c in TABLES["hosts"] if c.required}
    found.host |= {
        "host": host, "taken_at": taken_at, "case_id": ident.hex(), "judgement": "", "pages": pages,
        "page_size": 4096, "list_hash": content.digest(str(runs)).hex(), "case_name": str(host),
        "error": None, "remark": None, **more,
    }  # fmt: skip
    found.segments = [
        Segment(array("Q", [a for a, _ in runs]), array("Q", [b for _, b in runs]), shared)
    ]
    return found
