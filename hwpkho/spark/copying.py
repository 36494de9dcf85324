"""Copies the cases of a URL to an executor's disk, one at a time, up to a limit of bytes."""

from __future__ import annotations

import errno
import posixpath
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.batch.pool import Job
    from hwpkho.spark.remote import Remote

#: Files of a case; :mod:`hwpkho.fleet.content` has the same limit. A capture has a handful.
_MAX_FILES = 4096


@dataclass(slots=True)
class Copies:
    """Copies of the files of cases, in a folder of this machine under their keys.

    Memory maps and listings that a manifest's line names are kept for the next cases, as most cases
    share them. All other files are removed once their case is judged.

    Attributes:
        remote: The file system to copy from.
        folder: The folder to copy to; the caller removes it.
        most: Limit in bytes for the files of a case, and for the files kept.
    """

    remote: Remote
    folder: str
    most: int
    _kept: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def of(self, job: Job) -> Iterator[Job]:
        """Copy the files of a case and yield the case with their paths on this machine.

        Files that are missing, or outside the batch's folder, are not copied: reading the case
        reports them. Raises InputError for a case that cannot be copied, another exception if the
        storage fails.
        """
        line = job.line
        maps = () if line is None else (*line.memmaps, *line.against, *line.dimms)
        inputs = () if line is None else line.inputs
        brought: dict[str, int] = {}
        counted: dict[str, int] = {}
        try:
            self._bring(job, maps, self._kept, counted)
            self._bring(job, (job.folder,) if job.folder else inputs, brought, counted)
            yield job._replace(
                folder=self.local(job.folder) if job.folder else None,
                within=None if job.within is None else self.local(job.within),
                line=line
                and line._replace(
                    inputs=tuple(map(self.local, line.inputs)),
                    memmaps=tuple(map(self.local, line.memmaps)),
                    against=tuple(map(self.local, line.against)),
                    dimms=tuple(map(self.local, line.dimms)),
                ),
            )
        finally:
            _remove(brought)
            if sum(self._kept.values()) > self.most:
                _remove(self._kept)

    def local(self, key: str) -> str:
        """Return the path of a key on this machine, always inside :attr:`folder`."""
        return f"{self.folder}{_plain(key)}"

    def _bring(
        self, job: Job, keys: Iterable[str], into: dict[str, int], counted: dict[str, int]
    ) -> None:
        """Copy the files that ``keys`` name unless they are here; note their bytes in ``into``.

        ``counted`` collects the bytes of all the case's files, also of those kept from an earlier
        case: whether a case is too large must not depend on the cases before it.
        """
        for file in chain.from_iterable(self._files(job, key) for key in keys):
            path = self.local(file)
            if path in counted:
                continue
            left = self.most - sum(counted.values())
            if path not in self._kept:
                into[path] = self._copy(file, path, left)
            counted[path] = self._kept[path] if path in self._kept else into[path]
            if counted[path] > left:
                raise self._too_large(file)

    def _files(self, job: Job, name: str) -> list[str]:
        """Return the keys of the files that a name, perhaps with ``@0xBASE``, stands for."""
        for key in filter(None, (name, name.rpartition("@")[0])):
            inside = job.within is None or _is_in(key, job.within)
            if inside and (found := self.remote.files(key, _MAX_FILES)):
                return found
        return []

    def _too_large(self, key: str) -> InputError:
        shown = printable(self.remote.url(key))
        return InputError(
            f"{shown}: the case is larger than {self.most} bytes; max_case_bytes allows more"
        )

    def _make(self, key: str, path: str) -> None:
        """Make an empty file; raises InputError for a name that this machine does not allow."""
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise
            why = getattr(error, "strerror", None) or "not a file name"
            shown = printable(self.remote.url(key))
            raise InputError(f"{shown}: cannot be copied: {why}") from error

    def _copy(self, key: str, path: str, most: int) -> int:
        """Copy a file and return its bytes; a copy that fails is removed, as it may be kept."""
        self._make(key, path)
        try:
            copied = self.remote.copy(key, path, most)
            if copied > most:
                raise self._too_large(key)
        except BaseException as error:
            Path(path).unlink()
            if isinstance(error, (FileNotFoundError, PermissionError)):
                shown = printable(self.remote.url(key))
                raise InputError(f"{shown}: {error.strerror or 'cannot be read'}") from error
            raise
        return copied


def _plain(key: str) -> str:
    """Return a key as an absolute path without ``.`` and ``..``."""
    return posixpath.normpath(f"/{key.lstrip('/')}")


def _is_in(key: str, folder: str) -> bool:
    return f"{_plain(key)}/".startswith(f"{_plain(folder).rstrip('/')}/")


def _remove(paths: dict[str, int]) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)
    paths.clear()
