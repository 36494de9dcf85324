"""Manifests and data sets of fleets for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

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


def rows(dataset: Path, table: str = "pages") -> list[dict[str, Any]]:
    """Return the rows of a table, with their day, as a reader of Parquet sees them."""
    found = []
    for path in sorted((dataset / table).glob("day=*/*.parquet")):
        day = path.parent.name.removeprefix("day=")
        found += [{**r, "day": day} for r in pq.read_table(path, partitioning=None).to_pylist()]
    return found
