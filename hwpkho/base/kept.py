"""Descriptors held open for one call: files to be opened again, unpacked files, archives."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.archive import Archive


#: Of a call that reads many cases, so many archives are held: each is a descriptor, and may be an
#: unpacked file.
_MAX_ARCHIVES = 8


class Kept:
    """What a call has opened and may open again.

    Attributes:
        unpacked: ``(device, inode, mtime, offset)`` of a compressed file → a descriptor of its
            unpacked content.
        archives: Path → the archive that is read as a folder.
        pipes: Name of a pipe (``-``, ``/dev/fd/N``) → a descriptor of all that came through it.
        files: Path → a descriptor of an uncompressed file. None: every open() looks at the path
            again.
    """

    def __init__(self, *, files: bool) -> None:
        """Start with nothing held; ``files`` tells whether :attr:`files` is used."""
        self.unpacked: dict[tuple[int, ...], int] = {}
        self.archives: dict[str, Archive] = {}
        self.pipes: dict[str, int] = {}
        self.files: dict[str, int] | None = {} if files else None
        self._said: list[str] = []

    def notes(self) -> list[str]:
        """Return notes on the archives, also on those that are closed; see :func:`notes`."""
        said = (note for archive in self.archives.values() for note in archive.notes())
        return list(dict.fromkeys((*self._said, *said)))

    def close_archives(self) -> None:
        """Close every archive."""
        self._said = self.notes()
        for archive in self.archives.values():
            archive.close()
        self.archives.clear()

    def close(self) -> None:
        """Close every descriptor and archive."""
        self.close_archives()
        held = (self.unpacked, self.pipes, self.files or {})
        for descriptor in (d for descriptors in held for d in descriptors.values()):
            os.close(descriptor)


_kept: ContextVar[Kept | None] = ContextVar("_kept", default=None)


def now() -> Kept | None:
    """Return what the current call holds, None outside :func:`for_call`."""
    return _kept.get()


def notes() -> list[str]:
    """Return notes on the archives that the call has read: what was left out, what may be cut off.

    Empty outside :func:`for_call`.
    """
    held = now()
    return held.notes() if held else []


def let_go() -> None:
    """Close the archives, if there are many: the caller has read the cases in them.

    An archive that is named again is read anew.
    """
    held = now()
    if held is not None and len(held.archives) > _MAX_ARCHIVES:
        held.close_archives()


@contextmanager
def for_call(*, files: bool = False) -> Iterator[None]:
    """Within the block, unpack a compressed file only once, however often it is opened, and read
    archives as folders (:func:`hwpkho.base.opening.enter`).

    With ``files``, a path keeps naming the file that was there when it was first opened, even if it
    is replaced meanwhile: the files of a case are then all of one moment.
    """
    held = Kept(files=files)
    try:
        with within(held):
            yield
    finally:
        held.close()


@contextmanager
def within(held: Kept) -> Iterator[None]:
    """Within the block, ``held`` is what the call holds; it stays open."""
    token = _kept.set(held)
    try:
        yield
    finally:
        _kept.reset(token)
