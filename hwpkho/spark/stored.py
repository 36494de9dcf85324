"""Reads with Spark a data set that ``fleet add`` wrote, and checks its version."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException

from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.fleet import parquet, places
from hwpkho.fleet.place import MARKER, ORDER
from hwpkho.fleet.schema import METADATA_KEY, TABLES
from hwpkho.spark.columns import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from hwpkho.fleet.schema import Table

#: Footers that are read in parallel: on object storage each is a request.
_AT_ONCE = 32
#: Characters that Hadoop's patterns give a meaning unless a backslash precedes them.
_PATTERN = re.compile(r"[\\{}\[\]*?]")
#: The class names of nested Java exceptions before a message, but the last one without its package.
_JAVA = re.compile(r"^((?:[a-z]\w*\.)+[A-Z]\w*: )*(?:[a-z]\w*\.)+(?=[A-Z]\w*: )")


def rows(spark: SparkSession, dataset: str) -> dict[Table, DataFrame]:
    """Return the rows of each table that count, with their day.

    ``dataset`` is a path or URL, taken literally. Raises InputError if there is no data set of this
    version, if a file of it is damaged or of another version, or if Spark cannot read it.
    """
    shown = printable(dataset)
    where = _PATTERN.sub(r"\\\g<0>", dataset.rstrip("/"))
    found: dict[Table, DataFrame] = {}
    with _as_input_errors(shown):
        places.check(_marker(spark, where), shown)
        for table in TABLES:
            _check(spark, f"{where}/{table}")
            columns = columns_of(table)
            # Spark itself leaves out names that begin with _ or a dot.
            reader = spark.read.schema(columns).option("pathGlobFilter", "*.parquet")
            read = _read(reader.parquet, f"{where}/{table}")
            found[table] = spark.createDataFrame([], columns) if read is None else read
    # Rows count only with their part's rows in hosts, which a killed write has not got to.
    there = found["hosts"].select("part", "day").distinct()
    for table in ORDER[:2]:
        all_of_it = found[table]
        same = (all_of_it["part"] == there["part"]) & all_of_it["day"].eqNullSafe(there["day"])
        found[table] = all_of_it.join(there, same, "left_semi")
    return found


def _marker(spark: SparkSession, where: str) -> bytes | None:
    text = _read(lambda path: spark.read.text(path, wholetext=True), f"{where}/{MARKER}")
    line = None if text is None else text.head()
    return None if line is None else str(line[0]).encode()


def _read(how: Callable[[str], DataFrame], path: str) -> DataFrame | None:
    """Return what ``how`` reads at a path, None if there is nothing."""
    try:
        return how(path)
    except AnalysisException as error:
        if error.getCondition() == "PATH_NOT_FOUND":
            return None
        raise


def _check(spark: SparkSession, folder: str) -> None:
    """Raise InputError if a file of a table is damaged, not hwpkho's, or of another version.

    Spark itself does not check the metadata of files. Their footers are read by the driver's JVM,
    which a Spark Connect client cannot call: with one, nothing is checked.
    """
    jvm: Any = getattr(spark, "_jvm", None)
    session: Any = getattr(spark, "_jsparkSession", None)
    if jvm is None or session is None:
        return
    configuration = session.sessionState().newHadoopConf()
    configuration.setInt("parquet.metadata.read.parallelism", _AT_ONCE)
    hadoop, parquet_mr = jvm.org.apache.hadoop, jvm.org.apache.parquet.hadoop
    pattern = hadoop.fs.Path(f"{folder}/day=*/[^_.]*.parquet")
    files = pattern.getFileSystem(configuration).globStatus(pattern)

    def footers(of: Sequence[Any]) -> list[Any]:
        listed = jvm.java.util.ArrayList()
        for file in of:
            listed.add(file)
        reader = parquet_mr.ParquetFileReader
        return list(reader.readAllFootersInParallel(configuration, listed, True))

    found = list(files or ())
    try:
        read = footers(found)
    except Py4JJavaError:  # the message may not name the file: read them one by one
        for file in found:
            try:
                footers([file])
            except Py4JJavaError as error:
                raise parquet.damaged(file.getPath().toString(), _line(error)) from error
        raise
    for footer in read:
        said = footer.getParquetMetadata().getFileMetaData().getKeyValueMetaData().get(METADATA_KEY)
        wrong = parquet.mismatch(said)
        if wrong is not None:
            raise InputError(f"{printable(footer.getFile().toString())}: {wrong}")


@contextmanager
def _as_input_errors(shown: str) -> Iterator[None]:
    """Within the block, turn exceptions of Spark and the storage into InputError, one line long."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        raise InputError(f"{shown}: {_line(error)}") from error


def _line(error: Any) -> str:
    """Return an error's message in one printable line, without Java's classes and stack trace."""
    said = str(error)
    if isinstance(error, Py4JJavaError):
        said = _JAVA.sub("", str(error.java_exception.toString()).partition("\n")[0])
    return printable(" ".join(said.split()))[:300]
