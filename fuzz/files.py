"""What a case's files are: bytes, files with holes, and what is no file at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Sparse(NamedTuple):
    """A file of ``size`` bytes that is a hole but for its pieces, ``(offset, data)``."""

    size: int
    pieces: tuple[tuple[int, bytes], ...]


class Special(NamedTuple):
    """Something else in a file's place; a link leads to ``target``."""

    what: Literal["fifo", "folder", "link"]
    target: str = ""


Content = bytes | Sparse | Special
#: A case: the files to write, and the arguments; a file's name, or that of a folder of files,
#: stands for its path, also in front of ``@`` and behind ``=``.
Case = tuple[Mapping[str, Content], list[str]]


#: What cases may write.
WRITTEN = ("out", "out0", "out1", "out2", "set")
#: Options whose value is a file; --map=iomem and --to=list name none.
_OF_FILES = ("--memmap", "--against")


def _write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, Sparse):
        with path.open("wb") as file:
            file.truncate(content.size)
            for offset, data in content.pieces:
                file.seek(offset)
                file.write(data)
    elif content.what == "fifo":
        os.mkfifo(path)
    elif content.what == "folder":
        path.mkdir()
    else:
        path.symlink_to(content.target)


def save(case: Case, folder: Path) -> list[str]:
    """Write the files of a case into ``folder``; return the arguments with their paths."""
    files, args = case
    for name, content in files.items():
        _write(folder / name, content)
    names = {*WRITTEN, *files, *(name.partition("/")[0] for name in files)}
    placed = args[:1]  # the command, which may be called as a file
    for arg in args[1:]:
        label, equal, path = arg.rpartition("=")
        if arg[:1] == "-" and label not in _OF_FILES:
            label, equal, path = "", "", arg
        named = path.partition("@")[0] in names
        placed.append(f"{label}{equal}{folder / path}" if named else arg)
    return placed
