"""What is at a path: in a file system, or inside a tar archive that is read as a folder."""

from __future__ import annotations

import errno
import os
import stat
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import confining, kept, lending
from hwpkho.base.unopened import failed
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.base.archive import Archive

#: A name that is too long is that of nothing; who opens it anyway, as an input, says so.
_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP, errno.ENAMETOOLONG)


def within(path: str | Path) -> tuple[Archive, str] | None:
    """Return the archive that a path leads into, and the path inside it; None where in none."""
    held = kept.now()
    if held is None or not held.archives:
        return None
    name = str(Path(path))
    for key, archive in reversed(held.archives.items()):  # one in another was entered after it
        if name == key:
            return archive, ""
        if name.startswith(f"{key}/"):
            return archive, name[len(key) + 1 :]
    return None


def is_folder(path: str | Path) -> bool:
    """Tell whether ``path`` is a folder, on disk or in an archive; an archive counts as one.

    Raises InputError where it cannot be looked at.
    """
    found = within(path)
    return stat.S_ISDIR(_mode(path)) if found is None else found[0].is_folder(found[1])


def is_file(path: str | Path) -> bool:
    """Tell whether ``path`` is a regular file, on disk or in an archive; an archive counts as one.

    So is a file that the library's caller lent. Raises InputError where it cannot be looked at.
    """
    found = within(path)
    if found is None or not found[1]:
        return stat.S_ISREG(_mode(path))
    return found[0].is_file(found[1])


def _mode(path: str | Path) -> int:
    """Return st_mode of what is at a path, 0 for nothing.

    Raises InputError where it cannot be looked at.
    """
    if lending.descriptor_of(path) is not None:
        return stat.S_IFREG
    try:
        # A Path object costs more than the call, and a batch makes it many times for each case.
        return os.stat(path).st_mode  # noqa: PTH116
    except ValueError:  # a NUL
        return 0
    except OSError as error:
        if error.errno in _NOTHING:
            return 0
        raise failed(str(path), error) from error


def exists(path: str | Path) -> bool:
    """Tell whether there is anything at ``path``, even a dangling symbolic link."""
    found = within(path)
    if found is None:
        return os.path.lexists(path)
    return found[0].exists(found[1])


def inside(folder: str | Path) -> list[Path]:
    """Return the paths in a folder, sorted by name. Raises InputError where it cannot be read."""
    found = within(folder)
    try:
        if found is None:
            return sorted(Path(folder).iterdir())
        return [Path(folder) / name for name in found[0].names(found[1])]
    except (OSError, ValueError) as error:
        raise failed(str(folder), error) from error


def without_content(folder: str | Path) -> list[Path]:
    """Return what :func:`inside` leaves out: links, devices and the like in an archive."""
    found = within(folder)
    return [Path(folder) / name for name in found[0].without_content(found[1])] if found else []


def files(folder: str | Path, levels: int) -> Iterator[Path]:
    """Yield everything but folders in a folder on disk, sorted by name, down to ``levels`` levels.

    Folders that cannot be read, or that :mod:`hwpkho.base.confining` forbids, are skipped. Links
    may lead back to a folder: it is read once, and again where a shorter path reaches it later.
    """
    yield from _files(Path(folder), levels, {})


def _files(folder: Path, levels: int, seen: dict[tuple[int, int], int]) -> Iterator[Path]:
    """As :func:`files`; ``seen``: device and inode of a folder → how many levels were read."""
    try:
        confining.check_inside(str(folder))
        status = folder.stat()
        place = status.st_dev, status.st_ino
        if seen.get(place, 0) >= levels:
            return
        seen[place] = levels
        with os.scandir(folder) as entries:
            found = sorted(entries, key=attrgetter("name"))
    except (OSError, ValueError, InputError):
        return
    for entry in found:
        try:
            deeper = entry.is_dir()
        except OSError:
            deeper = False
        if not deeper:
            yield folder / entry.name
        elif levels > 1:
            yield from _files(folder / entry.name, levels - 1, seen)


def top(path: str | Path, stop: Callable[[Path], bool]) -> Path:
    """Return the folder to read at ``path``: inside an archive, descend through only children.

    While a folder of an archive holds a single folder and nothing else, go into it, until ``stop``
    is true of one. Outside archives ``path`` is returned. Raises InputError.
    """
    at = Path(path)
    if within(at) is not None:
        while not stop(at) and len(held := inside(at)) == 1 and is_folder(held[0]):
            at = held[0]
    return at
