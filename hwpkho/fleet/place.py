"""The interface to the storage of a data set, and which of its files count.

Readers ignore names that begin with ``_``: the lock, and files that are being written.
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

#: The file that makes a folder a data set, and names the version.
MARKER = "hwpkho-fleet.json"
MAX_MARKER = 1 << 16
#: The folder for the lock and for files that are being written.
OWN = "_hwpkho"
#: Order of writing. Rows count only once ``hosts`` has theirs, so readers list it first.
ORDER: tuple[Table, ...] = ("pages", "findings", "hosts")
DAY = re.compile(rf"day=(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{NO_DAY})")


class Place(ABC):
    """Where a data set is stored.

    Attributes:
        name: As the user named it.
    """

    name: str

    @abstractmethod
    def marker(self) -> bytes | None:
        """Return the contents of :data:`MARKER`, None if there is none. Raises InputError."""

    @abstractmethod
    def create(self, marker: bytes) -> None:
        """Make the place a data set, even while another process does the same."""

    @abstractmethod
    def files(self, table: Table, day: str | None = None) -> list[str]:
        """Return the paths of a table's files, for :meth:`read`, ascending.

        ``day`` is the value of a ``day=`` folder; None: of all days. Raises InputError if something
        else has the name of a file.
        """

    def committed(self) -> dict[Table, list[str]]:
        """Return the files that count, by table.

        A file of ``pages`` or ``findings`` counts if ``hosts`` has one of the same day and part.
        """
        hosts = self.files("hosts")  # first, because it is written last
        there = {_tail(path) for path in hosts}
        found: dict[Table, list[str]] = {"hosts": hosts}
        for table in ORDER[:2]:
            found[table] = [path for path in self.files(table) if _tail(path) in there]
        return found

    @abstractmethod
    def read(self, path: str) -> Any:
        """Return a path or file object by which pyarrow reads one of the files."""

    @abstractmethod
    def url(self, path: str) -> str:
        """Return the path or URL by which DuckDB opens one of the files."""

    def in_sql(self, path: str) -> str:
        """Return a pattern for DuckDB's ``read_parquet`` that fits only this file."""
        return escaped(self.url(path))

    @abstractmethod
    def pattern(self, table: Table) -> str:
        """Return a pattern for DuckDB's ``read_parquet`` that fits all files of a table."""

    @abstractmethod
    def register(self, connection: DuckDBPyConnection) -> None:
        """Enable ``connection`` to read this place."""

    @abstractmethod
    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing during the block, if the place has locks."""
        yield

    @abstractmethod
    def put(self, part: str, files: Mapping[str, bytes]) -> None:
        """Add files, given by their paths in the data set, all or none.

        Call it within :meth:`alone`. ``part`` is the name of the write, 32 hex digits.
        """


def escaped(name: str) -> str:
    """Return a pattern for DuckDB that fits only ``name``."""
    return re.sub(r"[*?[]", r"[\g<0>]", name)


def path_in(table: Table, day: str | None, part: str) -> str:
    """Return the path of a file in a data set; ``day`` is None for rows without a time."""
    return f"{table}/day={day or NO_DAY}/{part}.parquet"


def counts(name: str) -> bool:
    """Tell whether a file with this name holds rows."""
    return name.endswith(".parquet") and not name.startswith(("_", "."))


def _tail(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[1:])
