"""What the place of a data set is, and which of its files count.

Names that begin with ``_`` hold nothing for readers: the lock, and what is being written.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hwpkho.fleet.schema import NO_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from hwpkho.fleet.schema import Table

#: Says that a folder is a data set, and of which version.
MARKER = "hwpkho-fleet.json"
MAX_MARKER = 1 << 16
OWN = "_hwpkho"
#: Rows are there once their ``hosts`` are: that table is written last, and listed first.
ORDER: tuple[Table, ...] = ("pages", "findings", "hosts")
DAY = re.compile(rf"day=(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{NO_DAY})")


class Place(ABC):
    """A data set's place.

    Attributes:
        name: As the user named it.
    """

    name: str

    @abstractmethod
    def marker(self) -> bytes | None:
        """Return what :data:`MARKER` holds, None where there is none."""

    @abstractmethod
    def create(self, marker: bytes) -> None:
        """Make the place a data set; somebody else may be just doing so."""

    @abstractmethod
    def files(self, table: Table, day: str | None = None) -> list[str]:
        """Return the paths of a table's files, of a day's alone if asked, ascending.

        :meth:`read` takes them. Raises InputError for what has the name of one and is no file.
        """

    def committed(self) -> dict[Table, list[str]]:
        """Return the files that count, by table.

        Those of ``pages`` and ``findings`` do once ``hosts`` has that of the same day and write.
        """
        hosts = self.files("hosts")  # listed first, written last
        there = {_tail(path) for path in hosts}
        found: dict[Table, list[str]] = {"hosts": hosts}
        for table in ORDER[:2]:
            found[table] = [path for path in self.files(table) if _tail(path) in there]
        return found

    @abstractmethod
    def read(self, path: str) -> Any:
        """Open one of the files for pyarrow."""

    @abstractmethod
    def url(self, path: str) -> str:
        """Return one of the files as DuckDB opens it."""

    def in_sql(self, path: str) -> str:
        """Return what names one of the files to DuckDB, and no other: a name is a pattern there."""
        return escaped(self.url(path))

    @abstractmethod
    def pattern(self, table: Table) -> str:
        """Return what names all files of a table to DuckDB."""

    @abstractmethod
    def register(self, connection: DuckDBPyConnection) -> None:
        """Let DuckDB read this place."""

    @abstractmethod
    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process write within the block, where the place has such a thing."""
        yield

    @abstractmethod
    def put(self, part: str, files: Mapping[str, bytes]) -> None:
        """Add files by their paths in the data set, all or none; within :meth:`alone`."""


def escaped(name: str) -> str:
    """Return a pattern of DuckDB's that fits a name alone."""
    return re.sub(r"[*?[]", r"[\g<0>]", name)


def path_in(table: Table, day: str | None, part: str) -> str:
    """Return the path of a file in a data set; the day of what has none is None."""
    return f"{table}/day={day or NO_DAY}/{part}.parquet"


def counts(name: str) -> bool:
    """Tell whether a file of this name holds rows."""
    return name.endswith(".parquet") and not name.startswith(("_", "."))


def _tail(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[1:])
