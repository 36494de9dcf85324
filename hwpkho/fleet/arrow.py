"""Rows of the tables as Arrow tables, and those as Parquet files."""

from __future__ import annotations

from array import array
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hwpkho.errors import UsageError
from hwpkho.fleet.identity import day_of
from hwpkho.fleet.schema import METADATA_KEY, SCHEMA, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from hwpkho.fleet.rows import CaseRows, Segment
    from hwpkho.fleet.schema import Table, Type

_END = 1 << 63
_ROW_GROUP = 1 << 17


def needed() -> None:
    """Raise UsageError if pyarrow is not installed."""
    try:
        for module in ("pyarrow", "pyarrow.parquet"):
            import_module(module)
    except ImportError as error:
        raise UsageError("needs pyarrow and duckdb: pip install 'hwpkho[fleet]'") from error


def type_of(name: Type) -> pa.DataType:
    """Return the Arrow type of a column."""
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us"),
        "big": pa.decimal128(20, 0),
    }
    return types[name]


def schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table's files: all columns but ``day``."""
    import pyarrow as pa

    fields = [pa.field(c.name, type_of(c.type), nullable=not c.required) for c in TABLES[table]]
    return pa.schema(fields, metadata={METADATA_KEY: SCHEMA})


def table_of(table: Table, cases: Sequence[CaseRows]) -> pa.Table:
    """Return the rows that cases have in a table.

    The writer must have set ``part``, and ``added_at`` in microseconds since 1970, in the row of
    ``hosts`` of each case.
    """
    return {"hosts": _hosts, "pages": _pages, "findings": _findings}[table](cases)


def parquet(table: pa.Table) -> bytes:
    """Return the bytes of a Parquet file that holds a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = pa.BufferOutputStream()
    # Without store_schema: Arrow's own copy of it would be the largest part of a small file.
    writer = pq.ParquetWriter(
        out, table.schema, compression="zstd", coerce_timestamps="us", store_schema=False
    )
    with writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)
        writer.add_key_value_metadata({METADATA_KEY: SCHEMA})
    data: bytes = out.getvalue().to_pybytes()
    return data


def _hosts(cases: Sequence[CaseRows]) -> pa.Table:
    hosts = [c.host for c in cases]
    return _table("hosts", {c.name: [row.get(c.name) for row in hosts] for c in TABLES["hosts"]})


def _pages(cases: Sequence[CaseRows]) -> pa.Table:
    import pyarrow as pa

    segments: list[tuple[CaseRows, Segment]] = [(c, s) for c in cases for s in c.segments]
    first, last, of = array("Q"), array("Q"), array("i")
    for number, (_, segment) in enumerate(segments):
        first += segment.first
        last += segment.last
        of += array("i", [number]) * len(segment.first)
    picked = pa.array(of, pa.int32()) if not of else _numbers(of, pa.int32())
    each: dict[str, list[Any]] = {
        "case_id": [c.host["case_id"] for c, _ in segments],
        "part": [c.host["part"] for c, _ in segments],
        "host": [c.host["host"] for c, _ in segments],
        "taken_at": [c.host["taken_at"] for c, _ in segments],
        "page_size": [c.page_size for c, _ in segments],
        "source": [c.source for c, _ in segments],
    }
    if segments:
        for name in segments[0][1].shared._fields:
            each[name] = [getattr(s.shared, name) for _, s in segments]
    fields = schema("pages")
    made = {}
    for field in fields:
        if field.name in ("first_pfn", "last_pfn", "pages"):
            continue
        made[field.name] = pa.array(each.get(field.name, []), field.type).take(picked)
    made["pages"] = _numbers(
        array("Q", (b - a + 1 for a, b in zip(first, last, strict=True))), pa.int64()
    )
    made["first_pfn"] = _pfns(first, last)
    made["last_pfn"] = _pfns(last, last)
    return pa.Table.from_arrays([made[f.name] for f in fields], schema=fields)


def _pfns(column: array[int], last: array[int]) -> pa.Array:
    import pyarrow as pa

    if last and max(last) >= _END:
        pairs = zip(column, last, strict=True)
        return pa.array([None if b >= _END else a for a, b in pairs], pa.int64())
    return _numbers(column, pa.int64())


def _numbers(column: array[int], kind: pa.DataType) -> pa.Array:
    """Return a column from the array's buffer, without a Python object for each number.

    All numbers must fit in ``kind``.
    """
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])


def _findings(cases: Sequence[CaseRows]) -> pa.Table:
    rows = [(c.host, f) for c in cases for f in c.findings]
    columns: dict[str, list[Any]] = {
        "case_id": [host["case_id"] for host, _ in rows],
        "part": [host["part"] for host, _ in rows],
        "host": [host["host"] for host, _ in rows],
        "taken_at": [host["taken_at"] for host, _ in rows],
    }
    for at, column in enumerate(TABLES["findings"][4:]):
        columns[column.name] = [f[at] for _, f in rows]
    return _table("findings", columns)


def _table(table: Table, columns: dict[str, list[Any]]) -> pa.Table:
    import pyarrow as pa

    fields = schema(table)
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    return pa.Table.from_arrays(arrays, schema=fields)


def by_day(cases: Iterable[CaseRows]) -> dict[str | None, list[CaseRows]]:
    """Return cases by their UTC day, those without a time under None."""
    found: dict[str | None, list[CaseRows]] = {}
    for case in cases:
        at = case.host["taken_at"]
        found.setdefault(None if at is None else day_of(at), []).append(case)
    return found
