"""A data set in a folder. Files appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.base import opening
from hwpkho.base.escape import printable
from hwpkho.base.undisturbed import undisturbed
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet.place import DAY, MARKER, MAX_MARKER, ORDER, OWN, Place, counts, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from hwpkho.fleet.schema import Table

_PART = re.compile(r"(?:new|ready)-[0-9a-f]{32}")
_READY = re.compile(rf"(?:{'|'.join(ORDER)})!{DAY.pattern}![0-9a-f]{{32}}\.parquet")


class Folder(Place):
    """A folder on this machine, or on a file system that it has mounted.

    ``_hwpkho/new-PART`` holds a write in progress, ``_hwpkho/ready-PART`` a complete one whose
    files are being moved to their places.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self._path = Path(name).absolute()
        except OSError as error:
            raise InputError(f"{printable(name)}: the current folder was removed") from error
        self._own = self._path / OWN
        if "\0" in name:
            raise UsageError(f"{printable(name)}: not a path")
        try:
            str(self._path).encode()
        except UnicodeError as error:  # pyarrow and DuckDB take only paths in UTF-8
            raise UsageError(f"{printable(str(self._path))}: a data set's path is UTF-8") from error

    def marker(self) -> bytes | None:
        """See :meth:`Place.marker`."""
        self._check()
        try:
            return opening.small(str(self._path / MARKER), MAX_MARKER)
        except InputError:
            if not (self._path / MARKER).exists():
                return None
            raise

    def create(self, marker: bytes) -> None:
        """See :meth:`Place.create`. Raises InputError if the folder holds other files."""
        self._path.mkdir(parents=True, exist_ok=True)
        others = [e.name for e in self._path.iterdir() if e.name not in (OWN, MARKER)]
        if others:
            raise InputError(
                f"{printable(self.name)}: a folder with other files and without {MARKER} is not a "
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
        found: list[str] = []
        try:
            days = [e for e in _entries(folder) if DAY.fullmatch(e.name)]
            for entry in days:
                if day is None or entry.name == f"day={day}":
                    found += [_file(e) for e in _entries(Path(entry.path)) if counts(e.name)]
        except FileNotFoundError:
            return []
        return sorted(found)

    def read(self, path: str) -> Any:
        """See :meth:`Place.read`."""
        return path

    def url(self, path: str) -> str:
        """See :meth:`Place.url`."""
        return path

    def pattern(self, table: Table) -> str:
        """See :meth:`Place.pattern`."""
        return f"{escaped(str(self._path / table))}/day=*/*.parquet"

    def register(self, connection: DuckDBPyConnection) -> None:
        """See :meth:`Place.register`. DuckDB can read folders without help."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See :meth:`Place.alone`. Also finishes or removes the write of a process that was killed.

        Raises InputError if the file system has no flock(2).
        """
        self._own.mkdir(exist_ok=True)
        _check_folder(self._own)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._own / "lock", flags, 0o666)
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

        The files are written to ``new-PART``, which is renamed to ``ready-PART``. From then on, the
        next process that takes the lock would move them to their places if this one were killed.
        """
        new, ready = self._own / f"new-{part}", self._own / f"ready-{part}"
        self._check_targets(files)
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

    def _check(self) -> None:
        if self._path.exists() and not self._path.is_dir():
            raise InputError(f"{printable(self.name)}: is a file; a data set is a folder")

    def _check_targets(self, paths: Iterable[str]) -> None:
        """Raise InputError if a folder on the way to a file is a link or no folder."""
        days = {self._path / path.rpartition("/")[0] for path in paths}
        for folder in sorted({day.parent for day in days} | days):
            if os.path.lexists(folder):
                _check_folder(folder)

    def _tidy(self) -> None:
        for left in sorted(self._own.iterdir()):
            if left.name == f"{MARKER}.new":
                left.unlink()
            elif _PART.fullmatch(left.name) and left.name.startswith("new-"):
                _check_folder(left)
                shutil.rmtree(left)
            elif left.name.startswith("ready-"):
                with undisturbed():
                    self._place(left)

    def _place(self, ready: Path) -> None:
        _check_folder(ready)
        names = [e.name for e in ready.iterdir()]
        if not (_PART.fullmatch(ready.name) and all(map(_READY.fullmatch, names))):
            raise InputError(f"{printable(str(ready))}: hwpkho did not write this; remove it")
        self._check_targets(name.replace("!", "/") for name in names)
        for table in ORDER:
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


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder. Raises FileNotFoundError, InputError if it is no folder."""
    _check_folder(folder)
    with os.scandir(folder) as entries:
        return list(entries)


def _file(entry: os.DirEntry[str]) -> str:
    if not entry.is_file(follow_symlinks=False):
        raise InputError(f"{printable(entry.path)}: not a file; move it out of the data set")
    return entry.path


def _check_folder(folder: Path) -> None:
    """Raise InputError if ``folder`` is not a folder, or a link to one.

    Through a link hwpkho would write, and remove unfinished files, outside the data set.
    """
    if not stat.S_ISDIR(folder.lstat().st_mode):
        what = "a link" if folder.is_symlink() else "not a folder"
        raise InputError(f"{printable(str(folder))}: is {what}; move it out of the data set")


def _write(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o666), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:  # the error of a write() names no file
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
