"""The data source ``hwpkho``: Spark's executors judge cases and return rows of a fleet's tables."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from pyspark import TaskContext
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from hwpkho.base import temporary
from hwpkho.errors import UsageError
from hwpkho.fleet import identity
from hwpkho.spark import executing, listing, options
from hwpkho.spark.columns import columns_of
from hwpkho.spark.planning import plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from hwpkho.spark.options import Settings


class HwpkhoCases(DataSource):
    """Cases as rows: ``spark.dataSource.register(HwpkhoCases)``, then the format ``hwpkho``."""

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "hwpkho"

    def schema(self) -> StructType:
        """Return the columns of the table that the option ``table`` names."""
        return columns_of(options.read(self.options).table)

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader; raises UsageError if the user gave a schema of his own."""
        if schema != self.schema():
            raise UsageError("the tables have columns of their own: leave out schema()")
        return _Reader(options.read(self.options))


class _Reader(DataSourceReader):
    """Lists the cases on the driver and judges them on the executors, to which it is pickled."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._maps = listing.maps(settings)
        given = settings.added_at
        self._added_at = time.time_ns() // 1000 if given is None else given

    def partitions(self) -> list[InputPartition]:
        """Return the tasks, each with its cases; runs on the driver."""
        found = listing.cases(self._settings)
        return [InputPartition(task) for task in plan(found, self._settings.bounds)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Judge the cases of a task and yield their rows; runs on an executor."""
        context = TaskContext.get()
        retried = context is not None and context.attemptNumber() > 0
        # In Spark's own folder: Spark removes what a killed worker leaves there.
        disk = os.environ.get("SPARK_LOCAL_DIRS", "").partition(",")[0]
        with temporary.folder(disk or None) as folder:
            found = executing.judged(
                self._settings, self._maps, self._added_at, partition.value, folder, retried=retried
            )
            yield from executing.batches(found, self._settings.table)


def cases(spark: SparkSession, table: str = "hosts", **given: Any) -> DataFrame:
    """Return the rows that cases have in a table: ``hosts``, ``pages``, ``findings``, or ``all``.

    ``given`` are the options of the source. ``added_at`` defaults to the present and is then fixed,
    so that the frame has the same rows however often Spark computes it. Raises UsageError for a
    wrong option, InputError if the cases or a memory map do not exist.
    """
    texts = {name: _text(value) for name, value in {"table": table, **given}.items()}
    settings = options.read(texts)
    listing.check(settings)
    if settings.added_at is None:
        texts["added_at"] = identity.time_text(time.time_ns() // 1000)
    spark.dataSource.register(HwpkhoCases)
    return spark.read.format(HwpkhoCases.name()).options(**texts).load()


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return json.dumps([str(v) for v in value])
    return str(value).lower() if isinstance(value, bool) else str(value)
