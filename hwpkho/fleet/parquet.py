"""Reads the files of a data set, and refuses those that this version of hwpkho did not write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.fleet import arrow
from hwpkho.fleet.schema import METADATA_KEY, SCHEMA, other_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.parquet as pq

    from hwpkho.fleet.place import Place
    from hwpkho.fleet.schema import Table

_OUT = "move it out of the data set"


def columns(place: Place, table: Table, path: str, names: Sequence[str]) -> list[list[Any]]:
    """Return the columns ``names`` of a file of ``table``, each a list of its values.

    Raises InputError if the file is damaged, not hwpkho's, or of another version.
    """
    import pyarrow as pa

    file = opened(place, table, path)
    try:
        found = file.read(columns=list(names))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, str(error)) from error
    return [found.column(name).to_pylist() for name in names]


def opened(place: Place, table: Table, path: str) -> pq.ParquetFile:
    """Return a file of ``table``, opened. Raises InputError as :func:`columns` does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shown = printable(path)
    try:
        file = pq.ParquetFile(place.read(path))
        found = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
    said = (found.metadata or {}).get(METADATA_KEY.encode())
    unlike = mismatch(None if said is None else said.decode(errors="replace"))
    if unlike is not None:
        raise InputError(f"{shown}: {unlike}")
    wanted = arrow.schema(table)
    if (found.names, found.types) != (wanted.names, wanted.types):
        raise InputError(f"{shown}: does not have the columns of {SCHEMA} {table}; {_OUT}")
    return file


def mismatch(said: str | None) -> str | None:
    """Return what is wrong with a file whose metadata has the schema ``said``; None: nothing.

    ``said`` is None for a file whose metadata has none.
    """
    if said is None:
        return f"hwpkho did not write this file; {_OUT}"
    return None if said == SCHEMA else other_version(said)


def check(place: Place, table: Table, path: str) -> None:
    """Read a file of ``table`` whole, as a test. Raises InputError as :func:`columns` does."""
    import pyarrow as pa

    file = opened(place, table, path)
    try:
        for number in range(file.num_row_groups):
            file.read_row_group(number)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: str, why: str) -> InputError:
    """Return the exception for a file that cannot be read; ``why`` is a library's message."""
    said = printable(" ".join(why.split()))[:200]
    return InputError(
        f"{printable(path)}: not a whole Parquet file ({said}); {_OUT}, and add its captures again"
    )
