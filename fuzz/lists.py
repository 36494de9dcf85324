"""Lists of bad pages in every form that ``hwpkho formats`` names, changed as their forms allow."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing, suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from fuzz import images, values
from tests.support import FIXTURES

if TYPE_CHECKING:
    import random
    from pathlib import Path

TEXT = b"0x10 0x200-0x2ff\n0x100000 # far\n4096\n"
DATABASES = FIXTURES / "databases"


class Seed(NamedTuple):
    """A list: its bytes, what ``--from`` calls its form, and what SQLite keeps beside it."""

    data: bytes
    form: str
    beside: tuple[tuple[str, bytes], ...] = ()


_OURS = (
    b"0-0xfffffe",
    b"1,2,3\t4 5-9",
    b'{"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [1, [2, 9], [0, 16777214]]}',
    b'{"schema": "hwpkho.list/1", "page_size": 65536, "pfns": [1, 1, [2, 2]]}',
    b'{"schema": "hwpkho.validate/1", "page_size": 4096, "runs": [{"first": 1, "last": 3}]}',
    b'{"schema": "hwpkho.merge/1", "page_size": 16384, "pfns": [7, 5]}',
    (
        b'{"schema": "hwpkho.decode/1", "handovers": [{"role": "out", "page_size": 4096, '
        b'"hwpoison": {"pfns": [1, 2]}}]}'
    ),
)
#: What no sample has: the forms' edges.
_MADE = (
    Seed(b"set badram_list='0x7DDF0000,0xffffc000'\nbadram $badram_list\n", "badram"),
    Seed(b"GRUB_BADRAM=0x0,0x0,0x1000,0xfffffffffffff000,0x8000,0x8001\n", "badram"),
    Seed(b"cutmem 1G 0x40001000\ncutmem 3145728K 3T\n", "cutmem"),
    Seed(b"quiet memmap=4K$0x7ddf0000,1M$1G mem=1G memmap=16E#0 kho=on\n", "memmap"),
    Seed(b"badram=0x7DDF0000,0xffffc000,\n0x1000,0xfffff000\n", "memtest86plus"),
    Seed(b"Bad pages (excludes test 0)\n0x7ddf0..0x7ddf3,0x100,\n0x200\n", "memtest86plus"),
    Seed(b"badmemorylist           0x7ddf0 0x7ddf1\n                        0x8\n", "bcdedit"),
    Seed(b"[    0.000000] BIOS-e820: [mem 0x1000-0x1fff] unusable\n", "e820"),
)  # fmt: skip


@cache
def seeds() -> list[Seed]:
    """Return lists of all forms."""
    found = [Seed(TEXT, "text"), *(Seed(s, "json" if s[:1] == b"{" else "text") for s in _OURS)]
    found += _MADE
    for truth in sorted((FIXTURES / "neighbours").glob("*/*.truth.json")):
        said = json.loads(truth.read_text())
        found.append(Seed(truth.with_name(said["file"]).read_bytes(), _FORMS[truth.parent.name]))
    for path in sorted(DATABASES.glob("*.db")):
        beside = ((f"-{p.name.rpartition('-')[2]}", p.read_bytes()) for p in _beside(path.name))
        found.append(Seed(path.read_bytes(), "rasdaemon-db", tuple(beside)))
    found.append(Seed((FIXTURES / "defects" / "list-bomb.txt").read_bytes(), "text"))
    return found


def _beside(name: str) -> list[Path]:
    return sorted(DATABASES.glob(f"{name}-*"))


#: The folders of samples and the forms in them.
_FORMS = {
    "bcdedit": "bcdedit", "crash-kmem": "crash-kmem", "cxl-list": "cxl-list",
    "dmesg-hwpoison": "kernel-log", "edac-dmesg": "kernel-log", "ghes-cper": "kernel-log",
    "grub-badram": "badram", "kpageflags": "kpageflags", "mcelog": "mcelog",
    "memmap-cmdline": "memmap", "memtest86plus": "memtest86plus",
    "node-problem-detector": "kernel-log", "page-types": "page-types", "pfn-or-address": "text",
    "pstore": "kernel-log", "ras-mc-ctl": "ras-mc-ctl", "rasdaemon-log": "rasdaemon-log",
    "rasdaemon-sqlite": "rasdaemon-db", "tracepoint": "tracepoint",
}  # fmt: skip


def mutate(rng: random.Random, seed: Seed) -> Seed:
    """Return a changed copy of a list."""
    if seed.form == "rasdaemon-db":
        if rng.random() < 0.5:
            return seed._replace(data=_changed(rng, seed.data))
        beside = tuple((name, _pages(rng, data)) for name, data in seed.beside)
        kept = rng.random() < 0.3 and beside
        return Seed(seed.data if kept else _pages(rng, seed.data), seed.form, beside)
    if seed.form == "kpageflags":
        return seed._replace(data=_words(rng, seed.data))
    if seed.data.lstrip()[:1] in (b"{", b"[") and rng.random() < 0.7:
        return seed._replace(data=values.document(rng, seed.data))
    others = [other.data for other in seeds() if other.form == seed.form or rng.random() < 0.05]
    return seed._replace(data=values.text(rng, seed.data, others))


def _words(rng: random.Random, data: bytes) -> bytes:
    """Change flags of pages: single words, and runs of them."""
    words = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        at = rng.randrange(max(1, len(words) // 8)) * 8
        kind = rng.random()
        if kind < 0.5:
            words[at : at + 8] = struct.pack("<Q", rng.choice((1 << rng.randrange(64), 0, 1 << 19)))
        elif kind < 0.8:
            words[at:at] = words[at : at + 8] * rng.choice((1, 512, 100_000))
        else:
            del words[at + rng.randrange(8) :]
    return bytes(words[: values.LIMIT])


def _pages(rng: random.Random, data: bytes) -> bytes:
    """Change a database where its structures lie: header, heads and ends of its pages."""
    size = struct.unpack_from(">H", data, 16)[0] if data.startswith(b"SQLite") else 512
    size = max(512, size & -512)
    places = [*range(100)]
    for page in range(0, len(data), size):
        places += [*range(page, page + 64), *range(page + size - 160, page + size, 2)]
    return images.mutate(rng, data, places)


_COLUMNS = "id, timestamp, pfn, err_type, address, grain, status, addr, misc, cpuvendor, bank_name"
_NAMES = ("memory_failure_event", "mc_event", "mce_record", "cxl_poison_event", "aer_event", "x")


def _changed(rng: random.Random, data: bytes) -> bytes:
    """Change a database by what SQLite itself offers: rows, columns, tables, the schema."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        with suppress(sqlite3.Error):
            db.deserialize(data)
        with suppress(sqlite3.Error):
            db.execute("PRAGMA writable_schema=ON")
            db.execute("PRAGMA max_page_count=4096")  # thousands of rows, each with a large blob
        for _ in range(rng.choice((1, 2, 4, 8))):
            with suppress(sqlite3.Error):
                _change(rng, db)
        try:
            return db.serialize()[: values.LIMIT]
        except sqlite3.Error:
            return data


def _change(rng: random.Random, db: sqlite3.Connection) -> None:
    name = rng.choice(_NAMES)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
    kind = rng.randrange(8)
    if kind <= 2 and columns:
        db.execute(f"UPDATE {name} SET {rng.choice(columns)} = {_value(rng)}")
    elif kind == 3 and columns:
        count = rng.choice((1, 10, 1000, 1000, 30_000))
        row = ", ".join(["n", *(_value(rng) for _ in columns[1:])])
        numbers = (
            f"WITH RECURSIVE t(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM t LIMIT {count})"
        )
        db.execute(f"{numbers} INSERT OR IGNORE INTO {name} SELECT {row} FROM t")
    elif kind == 4 and columns:
        column = rng.choice(columns)
        odd = rng.choice((f"DROP COLUMN {column}", f"RENAME COLUMN {column} TO odd"))
        db.execute(f"ALTER TABLE {name} {odd}")
    elif kind == 5:
        db.execute(f"DROP TABLE IF EXISTS {name}")
        db.execute(rng.choice((
            f"CREATE VIEW {name} AS SELECT 1 AS id, '0x10' AS pfn, 'Fatal' AS err_type",
            f"CREATE VIEW {name} AS SELECT * FROM {name}",
            f"CREATE VIRTUAL TABLE {name} USING fts5(id, pfn)",
            f"CREATE TABLE {name} (id TEXT PRIMARY KEY, pfn, timestamp) WITHOUT ROWID",
            f"CREATE TABLE {name} (id, pfn AS (hex(zeroblob(1000000))), address AS (1/0))",
            f"CREATE TABLE {name} ({_COLUMNS}, CHECK (id > 0))",
            f"CREATE TABLE {name} (" + ", ".join(f"c{i}" for i in range(1500)) + ", pfn)",
        )))  # fmt: skip
    elif kind == 6:
        field = rng.choice(("rootpage", "type", "name", "tbl_name", "sql"))
        db.execute(f"UPDATE sqlite_master SET {field} = {_value(rng)} WHERE name = ?", (name,))
    else:
        pragma = rng.choice(("page_size=512", "page_size=65536", "encoding='UTF-16'"))
        for statement in (f"PRAGMA {pragma}", "VACUUM"):
            db.execute(statement)


def _value(rng: random.Random) -> str:
    """Return an SQL expression: a value of any type, at an edge."""
    kind = rng.random()
    if kind < 0.4:
        number = values.number(rng) & (1 << 64) - 1
        return str(number - (1 << 64) if number >> 63 else number)
    if kind < 0.5:
        return rng.choice(("NULL", "1e308", "-0.0", "9e999", "0.5"))
    if kind < 0.6:
        return f"zeroblob({rng.choice((0, 1, 5000, 2_000_000))})"
    said = ("Fatal", "Uncorrected", "Corrected", "Deferred", "Clear", "Inject", "sql", "table")
    text = rng.choice(said) if kind < 0.7 else values.word(rng)
    return f"CAST(x'{text.encode('utf-8', 'surrogatepass').hex()}' AS TEXT)"
