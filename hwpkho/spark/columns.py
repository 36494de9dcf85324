"""The tables' columns as Spark types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import types

from hwpkho.fleet.schema import METADATA_KEY, SCHEMA
from hwpkho.spark import layout

if TYPE_CHECKING:
    from hwpkho.fleet.schema import Type


def columns_of(table: str) -> types.StructType:
    """Return the columns of a table, or of ``all``, with ``day`` at the end.

    The metadata of each column has its meaning as ``comment`` and the version of the tables as
    ``hwpkho.schema``.
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
        for c in layout.columns_of(table)
    ]
    day = {"comment": "UTC date of taken_at.", METADATA_KEY: SCHEMA}
    return types.StructType([*fields, types.StructField("day", types.DateType(), True, day)])
