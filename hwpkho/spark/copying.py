"""Brings the cases of a URL to an executor's disk, one at a time, within a bound."""

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

#: A capture's folder has a handful of files; :mod:`hwpkho.fleet.content` reads no more either.
_MAX_FILES = 4096


@dataclass(slots=True)
class Copies:
    """The files of cases, in a folder of this machine under their keys.

    A memory map that a case names stays for the next ones, as those of many cases are mostly the
    same; everything else goes once its case is judged.

    Attributes:
        remote: Where they come from.
        folder: Where they go; whoever made it removes it.
        most: Most bytes of a case, and of what stays.
    """

    remote: Remote
    folder: str
    most: int
    _stay: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def of(self, job: Job) -> Iterator[Job]:
        """Copy what a case is read from, and yield the case as it is on this machine.

        What is not there, or lies outside the batch's folder, is not copied: who reads it says so.
        Raises InputError for a case that cannot be copied, another error where the storage fails.
        """
        line = job.line
        maps = () if line is None else (*line.memmaps, *line.against, *line.dimms)
        inputs = () if line is None else line.inputs
        brought: dict[str, int] = {}
        counted: dict[str, int] = {}
        try:
            self._bring(job, maps, self._stay, counted)
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
            if sum(self._stay.values()) > self.most:
                _remove(self._stay)

    def local(self, key: str) -> str:
        """Return the path of a key on this machine; nothing leads out of the folder."""
        return f"{self.folder}{_plain(key)}"

    def _bring(
        self, job: Job, keys: Iterable[str], into: dict[str, int], counted: dict[str, int]
    ) -> None:
        """Copy the files that keys mean, and note their bytes in ``into``, unless they are here.

        ``counted`` are those of the case's files, whether or not it is the first to need them: what
        becomes of a case must not rest on the one before.
        """
        for file in chain.from_iterable(self._files(job, key) for key in keys):
            path = self.local(file)
            if path in counted:
                continue
            left = self.most - sum(counted.values())
            if path not in self._stay:
                into[path] = self._copy(file, path, left)
            counted[path] = self._stay[path] if path in self._stay else into[path]
            if counted[path] > left:
                raise self._too_large(file)

    def _files(self, job: Job, name: str) -> list[str]:
        """Return the keys of the files that a name means, which may end with ``@0xBASE``."""
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
        """Make an empty file. InputError for a name that is none here."""
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
        """Copy a file, all of it or nothing: the next case may need it, too."""
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
    """Return a key from the root on, without ``.`` and ``..``."""
    return posixpath.normpath(f"/{key.lstrip('/')}")


def _is_in(key: str, folder: str) -> bool:
    return f"{_plain(key)}/".startswith(f"{_plain(folder).rstrip('/')}/")


def _remove(paths: dict[str, int]) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)
    paths.clear()
