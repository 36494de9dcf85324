"""Where a data set lies: a folder, or what an fsspec URL names. Files appear whole or not at all.

Names that begin with ``_`` hold nothing for readers: the lock, and what is being written.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.base import jsontext, opening
from hwpkho.base.escape import printable
from hwpkho.base.undisturbed import undisturbed
from hwpkho.base.version import __version__
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet.schema import NO_DAY, SCHEMA, other_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from hwpkho.fleet.schema import Table

#: Says that a folder is a data set, and of which version.
MARKER = "hwpkho-fleet.json"
_OWN = "_hwpkho"
_URL = re.compile(r"([a-z][a-z0-9+.-]{1,30}):(?://|:)")
_MAX_MARKER = 1 << 16
#: Rows are there once their ``hosts`` are: that table is written last, and listed first.
_ORDER: tuple[Table, ...] = ("pages", "findings", "hosts")
_DAY = re.compile(rf"day=(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{NO_DAY})")
_READY = re.compile(rf"(?:{'|'.join(_ORDER)})!{_DAY.pattern}![0-9a-f]{{32}}\.parquet")


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
        for table in _ORDER[:2]:
            found[table] = [path for path in self.files(table) if _tail(path) in there]
        return found

    @abstractmethod
    def read(self, path: str) -> Any:
        """Open one of the files for pyarrow."""

    @abstractmethod
    def in_sql(self, path: str) -> str:
        """Return what names one of the files to DuckDB."""

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


def at(name: str) -> Place:
    """Return the place that a user named. UsageError where its URL needs what is not there."""
    if not name:
        raise UsageError("DATASET is an empty name")
    url = _URL.match(name)
    if url is None or url[1] == "file":
        return Folder(name.removeprefix("file://"))
    return Remote(name)


def opened(place: Place, *, create: bool) -> None:
    """Check that a place is a data set of this version, and make it one where asked.

    Raises InputError where it is none, or of another version.
    """
    shown = printable(place.name)
    raw = place.marker()
    if raw is None and create:
        tool = {"name": "hwpkho", "version": __version__}
        place.create(json.dumps({"schema": SCHEMA, "tool": tool}).encode() + b"\n")
        raw = place.marker()
    if raw is None:
        raise InputError(f"{shown}: no data set of hwpkho: it has no {MARKER}; fleet add makes one")
    document = jsontext.load(raw, f"{shown}/{MARKER}")
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InputError(f"{shown}: {other_version(schema)}")


class Folder(Place):
    """A folder of this machine, or one that it has mounted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._path = Path(name).absolute()
        self._own = self._path / _OWN
        if "\0" in name:
            raise UsageError(f"{printable(name)}: no path")

    def marker(self) -> bytes | None:
        """See :meth:`Place.marker`."""
        try:
            return opening.small(str(self._path / MARKER), _MAX_MARKER)
        except InputError:
            if not (self._path / MARKER).exists():
                return None
            raise

    def create(self, marker: bytes) -> None:
        """See :meth:`Place.create`. Raises InputError where something else is there."""
        self._path.mkdir(parents=True, exist_ok=True)
        others = [e.name for e in self._path.iterdir() if e.name not in (_OWN, MARKER)]
        if others:
            raise InputError(
                f"{printable(self.name)}: a folder with other files and without {MARKER} is no "
                "data set; give a new or an empty folder"
            )
        with self.alone():
            target = self._path / MARKER
            if not target.exists():
                part = self._own / f"{MARKER}.new"
                _write(part, marker)
                part.rename(target)
                _sync(self._path)

    def files(self, table: Table, day: str | None = None) -> list[str]:
        """See :meth:`Place.files`."""
        folder = self._path / table
        found = []
        try:
            with os.scandir(folder) as entries:
                days = [e.path for e in entries if _DAY.fullmatch(e.name)]
            for path in days if day is None else [str(folder / f"day={day}")]:
                with os.scandir(path) as entries:
                    found += [e for e in entries if _counts(e.name)]
        except FileNotFoundError:
            return []
        for entry in found:
            if not entry.is_file():
                raise InputError(f"{printable(entry.path)}: no file; move it out of the data set")
        return sorted(e.path for e in found)

    def read(self, path: str) -> Any:
        """See :meth:`Place.read`."""
        return path

    def in_sql(self, path: str) -> str:
        """See :meth:`Place.in_sql`: a file that is there counts, whatever ``*`` stands for."""
        return path

    def pattern(self, table: Table) -> str:
        """See :meth:`Place.pattern`."""
        return f"{_escaped(str(self._path / table))}/day=*/*.parquet"

    def register(self, connection: DuckDBPyConnection) -> None:
        """See :meth:`Place.register`: there is nothing to do."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See :meth:`Place.alone`; what another process left half done is finished or removed."""
        self._own.mkdir(exist_ok=True)
        descriptor = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise InputError(
                    f"{printable(self.name)}: its file system has no locks (flock), which writers "
                    f"need: {error.strerror}"
                ) from error
            self._tidy()
            yield
        finally:
            os.close(descriptor)

    def put(self, part: str, files: Mapping[str, bytes]) -> None:
        """See :meth:`Place.put`.

        The files are complete in a folder of their own before that gets another name, in one step;
        from then on whoever comes next would put them in their places.
        """
        new, ready = self._own / f"new-{part}", self._own / f"ready-{part}"
        new.mkdir()
        try:
            for path, data in files.items():
                _write(new / path.replace("/", "!"), data)
            _sync(new)
        except BaseException:
            with undisturbed():
                shutil.rmtree(new, ignore_errors=True)
            raise
        with undisturbed():
            new.rename(ready)
            _sync(self._own)
            self._place(ready)

    def _tidy(self) -> None:
        for left in sorted(self._own.iterdir()):
            if left.name.startswith("ready-"):
                with undisturbed():
                    self._place(left)
            elif left.name.startswith("new-"):
                shutil.rmtree(left)
            elif left.name == f"{MARKER}.new":
                left.unlink()

    def _place(self, ready: Path) -> None:
        names = [e.name for e in ready.iterdir()]
        if not all(map(_READY.fullmatch, names)):
            raise InputError(f"{printable(str(ready))}: hwpkho did not write this; remove it")
        for table in _ORDER:
            folders = set()
            for name in sorted(n for n in names if n.startswith(f"{table}!")):
                target = self._path / name.replace("!", "/")
                target.parent.mkdir(parents=True, exist_ok=True)
                (ready / name).rename(target)
                folders.add(target.parent)
            for folder in folders:
                _sync(folder)
                _sync(folder.parent)
        ready.rmdir()


class Remote(Place):
    """What an fsspec URL names, such as object storage. It has no locks: rows that two processes
    add at once are stored twice, and count once.
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
        return found[:_MAX_MARKER]

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
            if len(names) == 2 and _DAY.fullmatch(names[0]) and _counts(names[1])
        )

    def read(self, path: str) -> Any:
        """See :meth:`Place.read`."""
        return self.system.open(path, "rb")

    def in_sql(self, path: str) -> str:
        """See :meth:`Place.in_sql`."""
        url: str = self.system.unstrip_protocol(path)
        return url

    def pattern(self, table: Table) -> str:
        """See :meth:`Place.pattern`."""
        return self.in_sql(f"{self._root}/{table}/day=*/*.parquet")

    def register(self, connection: DuckDBPyConnection) -> None:
        """See :meth:`Place.register`."""
        connection.register_filesystem(self.system)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See :meth:`Place.alone`: there is no such thing."""
        yield

    def put(self, part: str, files: Mapping[str, bytes]) -> None:
        """See :meth:`Place.put`: rows without their ``hosts`` are not there."""
        staged = f"{self._root}/{_OWN}/new-{part}"
        try:
            for table in _ORDER:
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


def path_in(table: Table, day: str | None, part: str) -> str:
    """Return the path of a file in a data set; the day of what has none is None."""
    return f"{table}/day={day or NO_DAY}/{part}.parquet"


def _tail(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[1:])


def _escaped(path: str) -> str:
    return re.sub(r"[*?[]", r"[\g<0>]", path)


def _counts(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(("_", "."))


def _write(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o666), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:  # that of a write has no name
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)
