"""Computes the SHA-256 of every file that the user named, by which a report identifies inputs."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import opening, places
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.images import raw
from hwpkho.inputs.plus import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The largest file that is hashed, bytes: that takes seconds, a large machine's dump minutes.
MAX_SIZE = 4 << 30
#: The most files of a folder, and levels of folders: a copy of debugfs has a handful.
MAX_FILES = 256
_LEVELS = 5
_BLOCK = 1 << 20


class InputFile(NamedTuple):
    """An input file when the report was made.

    Attributes:
        name: As the user named it; in a folder with its path; printable.
        size: Bytes, None where it is not a regular file.
        sha256: In hex, None where it was not computed.
        why: Why it was not computed; empty where it was.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    why: str = ""


def of(specs: Iterable[str]) -> tuple[InputFile, ...]:
    """Return the files that ``specs`` name: files, folders, ``FILE@0xBASE``, several with ``+``.

    A file that cannot be read has its reason in ``why``; nothing is raised for it.
    """
    found: dict[InputFile, None] = {}
    for spec in specs:
        for part in split(spec) if not os.path.lexists(spec) else [spec]:
            found.update(dict.fromkeys(_of_spec(part)))
    return tuple(found)


def _of_spec(spec: str) -> Iterator[InputFile]:
    if spec == "-":
        yield InputFile("standard input", why="read once, and not kept")
        return
    located = None if os.path.lexists(spec) else raw.split_base(spec)
    path = located[0] if located else spec
    if not Path(path).is_dir():
        yield _file(path)
        return
    for count, file in enumerate(places.files(path, _LEVELS)):
        if count == MAX_FILES:
            yield InputFile(f"{printable(path)}/…", why=f"more than {MAX_FILES} files")
            return
        yield _file(str(file))


def _file(path: str) -> InputFile:
    name = printable(path)
    try:
        kind = Path(path).stat()
        if not stat.S_ISREG(kind.st_mode):
            return InputFile(name, why="no regular file")
        if kind.st_size > MAX_SIZE:
            return InputFile(name, kind.st_size, why="too large to read once more")
        descriptor = opening.regular(path, as_is=True)
        try:
            return _sum(name, descriptor)
        finally:
            os.close(descriptor)
    except (OSError, ValueError, InputError) as error:
        return InputFile(name, why=printable(getattr(error, "strerror", None) or "not readable"))


def _sum(name: str, descriptor: int) -> InputFile:
    """Hash a file; its size is counted while reading, as it may grow, or be 0 in /proc."""
    found, size = sha256(), 0
    while block := os.read(descriptor, _BLOCK):
        found.update(block)
        size += len(block)
        if size > MAX_SIZE:
            return InputFile(name, size, why="too large to read once more")
    return InputFile(name, size, found.hexdigest())
