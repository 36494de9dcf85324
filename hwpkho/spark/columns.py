"""The tables' columns as Spark has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import types

from hwpkho.fleet.schema import METADATA_KEY, SCHEMA, TABLES

if TYPE_CHECKING:
    from hwpkho.fleet.schema import Table, Type


def columns_of(table: Table) -> types.StructType:
    """Return the columns of a table, and ``day``. ``comment`` says what each is, and
    ``hwpkho.schema`` of which version of the tables.
    """
    kinds: dict[Type, types.DataType] = {
        "text": types.StringType(),
        "int": types.LongType(),
        "bool": types.BooleanType(),
        "time": types.TimestampNTZType(),
        "big": types.DecimalType(20, 0),
    }
    fields = [
        types.StructField(
            c.name, kinds[c.type], not c.required, {"comment": c.about, METADATA_KEY: SCHEMA}
        )
        for c in TABLES[table]
    ]
    day = {"comment": "UTC date of taken_at.", METADATA_KEY: SCHEMA}
    return types.StructType([*fields, types.StructField("day", types.DateType(), True, day)])
