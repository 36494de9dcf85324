"""Files at an fsspec URL: on object storage, or in HDFS.

A key is a file's name within its file system: ``bucket/folder/name``, or ``/folder/name``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_URL = re.compile(r"([a-z][a-z0-9+.-]{1,30})://")
#: Hadoop's names of file systems → fsspec's.
_HADOOP = {"s3a": "s3", "s3n": "s3"}
_BLOCK = 1 << 20


def is_url(name: str) -> bool:
    """Tell whether a name is a URL other than ``file://``, so that its files must be copied."""
    found = _URL.match(name)
    return found is not None and found[1] != "file"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or folder at a URL.

    Attributes:
        system: The fsspec file system; each process opens its own.
        root: The key of the file or folder.
    """

    system: Any
    root: str

    @classmethod
    def of(cls, name: str) -> Remote:
        """Return the file or folder at a URL; raises UsageError if fsspec lacks its file system."""
        found = _URL.match(name)
        kind = found[1] if found else ""
        url = f"{_HADOOP.get(kind, kind)}{name[len(kind) :]}"
        try:
            import fsspec

            system, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(f"{printable(name)}: {printable(str(error))[:200]}") from error
        return cls(system, root.rstrip("/"))

    def url(self, key: str) -> str:
        """Return the URL of a key."""
        url: str = self.system.unstrip_protocol(key)
        return url

    def is_folder(self, key: str) -> bool:
        """Tell whether a key is a folder."""
        return bool(self.system.isdir(key))

    def matching(self) -> Iterator[tuple[str, int]]:
        """Yield key and size (bytes) of each file that :attr:`root`, a pattern, fits; sorted."""
        found: dict[str, dict[str, Any]] = self.system.glob(self.root, detail=True)
        for key in sorted(found):
            yield key, found[key].get("size") or 0

    def sizes(self, key: str) -> dict[str, int]:
        """Return path in the folder → size (bytes) of all files below ``key``. Raises OSError."""
        found: dict[str, dict[str, Any]] = self.system.find(key, detail=True)
        start = f"{key}/"
        return {p.removeprefix(start): i.get("size") or 0 for p, i in sorted(found.items())}

    def files(self, key: str, most: int) -> list[str]:
        """Return ``key`` itself if it is a file, the keys of all files below if it is a folder.

        Empty if there is nothing. Raises InputError for more than ``most`` files, and OSError.
        """
        try:
            info = self.system.info(key)
        except FileNotFoundError:
            return []
        if info["type"] != "directory":
            return [key]
        inner: list[str] = self.system.find(key)
        if len(inner) > most:
            raise InputError(f"{printable(self.url(key))}: more than {most} files")
        return sorted(inner)

    def copy(self, key: str, to: str, most: int = 1 << 63) -> int:
        """Copy a file to a local path, stopping after ``most`` bytes; return the bytes copied.

        More than ``most`` are returned if the file is longer. Raises OSError.
        """
        copied = 0
        with self.system.open(key, "rb") as source, Path(to).open("wb") as out:
            while copied <= most and (block := source.read(_BLOCK)):
                copied += len(block)
                out.write(block)
        return copied

    def small(self, key: str, most: int) -> bytes:
        """Return a file's bytes, at most ``most`` + 1 to show that it is longer.

        Raises InputError if it cannot be read.
        """
        try:
            with self.system.open(key, "rb") as file:
                found: bytes = file.read(most + 1)
        except OSError as error:
            why = printable(error.strerror or str(error))[:200]
            raise InputError(f"{printable(self.url(key))}: {why}") from error
        return found
