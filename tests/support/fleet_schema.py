"""Writes hwpkho/schemas/fleet-1.json by the tables: ``python -m tests.support.fleet_schema``."""

from __future__ import annotations

import json
from typing import Any

from hwpkho.fleet import arrow
from hwpkho.fleet.schema import SCHEMA, TABLES, VERSION
from tests.support import ROOT

PATH = ROOT / "hwpkho" / "schemas" / f"fleet-{VERSION}.json"
_JSON = {"text": "string", "int": "integer", "bool": "boolean", "time": "string", "big": "integer"}
_ABOUT = (
    "A data set of hwpkho fleet: what its file hwpkho-fleet.json holds, and under $defs the "
    "columns of the tables, in their order. Each file DATASET/TABLE/day=YYYY-MM-DD/*.parquet "
    "has the metadata hwpkho.schema: hwpkho.fleet/1. Times are UTC without a zone, in "
    "microseconds; rows without a time are under day=__HIVE_DEFAULT_PARTITION__. Rows of pages "
    "and findings count once hosts has a row with their case_id and part; of rows of hosts with "
    "one case_id the latest added_at counts."
)


def text() -> str:
    """Return the schema."""
    day = {
        "description": "UTC date of taken_at: the folder that the file is in.",
        "arrow": "date32",
    }
    rows = {
        table: {
            "type": "object",
            "required": [*(c.name for c in columns), "day"],
            "properties": {
                **{
                    c.name: {
                        "description": c.about,
                        "type": _JSON[c.type] if c.required else [_JSON[c.type], "null"],
                        "arrow": str(arrow.type_of(c.type)),
                    }
                    for c in columns
                },
                "day": {"type": ["string", "null"], **day},
            },
        }
        for table, columns in TABLES.items()
    }
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hwpkho:fleet:{VERSION}",
        "title": SCHEMA,
        "description": _ABOUT,
        "type": "object",
        "required": ["schema", "tool"],
        "properties": {
            "schema": {"const": SCHEMA},
            "tool": {
                "type": "object",
                "required": ["name", "version"],
                "properties": {
                    "name": {"const": "hwpkho"},
                    "version": {"type": "string", "minLength": 1},
                },
            },
        },
        "$defs": rows,
    }
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
