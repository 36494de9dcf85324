"""Answers of a data set: a table for people, JSON, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.fleet import arrow
from hwpkho.fleet.identity import since_1970, time_text
from hwpkho.report.parts import jsondoc
from hwpkho.report.parts.layout import Column, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from hwpkho.fleet.ask import Answer

SCHEMA = "hwpkho.fleet-answer/1"
#: The first rows decide how wide the columns of a table are.
_LOOKED_AT = 1000
_PFN = re.compile(r"(?:.*_)?pfn")
#: Cells that begin so, numbers and times, are set to the right.
_NUMBER = re.compile(r"-?[0-9]")


def text(answer: Answer, screen: Screen | None = None) -> Iterator[str]:
    """Yield a table for people, line by line with its newline; PFNs are in hex."""
    rows = (list(map(shown, answer.columns, row)) for row in answer.rows())
    first = list(islice(rows, _LOOKED_AT))
    if not first:
        yield "nothing\n"
        return
    columns = [
        Column(
            printable(name),
            right=all(map(_is_number, column)),
            wraps=any(" " in cell for cell in column),
        )
        for name, column in zip(answer.columns, zip(*first, strict=True), strict=True)
    ]
    lines = table(columns, chain(first, rows), screen or Screen(), "", _LOOKED_AT)
    yield from (f"{line}\n" for line in lines)


def json_text(answer: Answer) -> Iterator[str]:
    """Yield ``hwpkho.fleet-answer/1`` in pieces."""
    columns = answer.columns
    rows = (
        jsondoc.text(dict(zip(columns, map(_plain, row), strict=True))) for row in answer.rows()
    )
    fields: list[tuple[str, object]] = [
        ("question", answer.question),
        ("rows", jsondoc.Array(jsondoc.joined(rows))),
    ]
    yield from jsondoc.gathered(jsondoc.pieces(SCHEMA, fields))


def csv_text(answer: Answer) -> Iterator[str]:
    """Yield CSV in pieces, the names of the columns first; null is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in chain([answer.columns], answer.rows()):
        writer.writerow(["" if value is None else _cell(value) for value in row])
        if out.tell() > 1 << 16:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def parquet(answer: Answer, out: BinaryIO) -> None:
    """Write the answer to ``out`` as a Parquet file; raises UsageError without PyArrow."""
    arrow.needed()
    import pyarrow.parquet as pq

    schema, batches = answer.batches()
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _plain(value: Any) -> Any:
    """Return a value of DuckDB's as one that JSON can hold; NaN and infinity become None."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return time_text(since_1970(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _cell(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, (bool, dict, list)):
        return printable(json.dumps(plain))
    return printable(str(plain))


def is_pfn(column: str) -> bool:
    """Tell by its name whether a column holds PFNs, which people read in hex."""
    return bool(_PFN.fullmatch(column))


def shown(column: str, value: Any) -> str:
    """Return a value for people: PFNs in hex, null as a dash, anything else as in CSV."""
    if value is None:
        return "-"
    return f"{value:#x}" if isinstance(value, int) and is_pfn(column) else _cell(value)


def _is_number(cell: str) -> bool:
    return cell == "-" or _NUMBER.match(cell) is not None
