"""A data set at an fsspec URL, such as object storage."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet.place import DAY, MARKER, MAX_MARKER, ORDER, OWN, Place, counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from hwpkho.fleet.schema import Table


class Remote(Place):
    """A folder at an fsspec URL.

    There are no locks: rows that two processes add at the same time are stored twice, but count
    once.
    """

    def __init__(self, name: str) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise UsageError(f"{printable(name)}: needs fsspec: pip install fsspec") from error
        self.name = name
        try:
            self.system, self._root = fsspec.core.url_to_fs(name)
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(f"{printable(name)}: {printable(str(error))[:200]}") from error
        self._root = self._root.rstrip("/")

    def marker(self) -> bytes | None:
        """See :meth:`Place.marker`."""
        try:
            found: bytes = self.system.cat_file(f"{self._root}/{MARKER}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error) from error
        return found[:MAX_MARKER]

    def create(self, marker: bytes) -> None:
        """See :meth:`Place.create`."""
        try:
            self.system.makedirs(self._root, exist_ok=True)
            self.system.pipe_file(f"{self._root}/{MARKER}", marker)
        except OSError as error:
            raise self._failed(error) from error

    def files(self, table: Table, day: str | None = None) -> list[str]:
        """See :meth:`Place.files`."""
        inside = table if day is None else f"{table}/day={day}"
        try:
            self.system.invalidate_cache()
            found = self.system.find(f"{self._root}/{inside}")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failed(error) from error
        parts = [(p, p.removeprefix(f"{self._root}/{table}/").split("/")) for p in found]
        return sorted(
            p
            for p, names in parts
            if len(names) == 2 and DAY.fullmatch(names[0]) and counts(names[1])
        )

    def read(self, path: str) -> Any:
        """See :meth:`Place.read`."""
        return self.system.open(path, "rb")

    def url(self, path: str) -> str:
        """See :meth:`Place.url`."""
        url: str = self.system.unstrip_protocol(path)
        return url

    def pattern(self, table: Table) -> str:
        """See :meth:`Place.pattern`."""
        return f"{self.in_sql(f'{self._root}/{table}')}/day=*/*.parquet"

    def register(self, connection: DuckDBPyConnection) -> None:
        """See :meth:`Place.register`."""
        connection.register_filesystem(self.system)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See :meth:`Place.alone`. Locks nothing."""
        yield

    def put(self, part: str, files: Mapping[str, bytes]) -> None:
        """See :meth:`Place.put`. ``hosts`` come last: rows of an unfinished write do not count."""
        # A name of its own: another process may be adding the same part.
        staged = f"{self._root}/{OWN}/new-{part}-{os.urandom(8).hex()}"
        try:
            for table in ORDER:
                for path, data in files.items():
                    if not path.startswith(f"{table}/"):
                        continue
                    target = f"{self._root}/{path}"
                    self.system.makedirs(staged, exist_ok=True)
                    self.system.makedirs(target.rpartition("/")[0], exist_ok=True)
                    part_of = f"{staged}/{path.replace('/', '!')}"
                    self.system.pipe_file(part_of, data)
                    self.system.mv(part_of, target)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> InputError:
        return InputError(f"{printable(self.name)}: {printable(str(error))[:200]}")
