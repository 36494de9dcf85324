"""What a call holds open: files that it opens again, what was unpacked, archives as folders."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.archive import Archive


class Kept:
    """What was opened before, for as long as a call takes.

    Attributes:
        unpacked: Which compressed file at which moment, and the descriptor of what it holds.
        archives: Archives that are read as folders, by their paths.
        pipes: Descriptors of all that came through pipes, by what they are called.
        files: Descriptors of files that are not compressed, by their paths; None where a path
            stands for whatever is there when it is opened.
    """

    def __init__(self, *, files: bool) -> None:
        """Hold nothing yet."""
        self.unpacked: dict[tuple[int, ...], int] = {}
        self.archives: dict[str, Archive] = {}
        self.pipes: dict[str, int] = {}
        self.files: dict[str, int] | None = {} if files else None

    def close(self) -> None:
        """Close all of it."""
        for archive in self.archives.values():
            archive.close()
        held = (self.unpacked, self.pipes, self.files or {})
        for descriptor in (d for descriptors in held for d in descriptors.values()):
            os.close(descriptor)


_kept: ContextVar[Kept | None] = ContextVar("_kept", default=None)


def now() -> Kept | None:
    """Return what the call holds, None outside of one."""
    return _kept.get()


@contextmanager
def for_call(*, files: bool = False) -> Iterator[None]:
    """Within the block unpack a compressed file once, though it is opened several times, and read
    archives as folders (:func:`hwpkho.base.opening.enter`).

    With ``files`` a path stands for the file that was there when it was first opened, whatever is
    put there meanwhile: for a case, which is read at one moment.
    """
    held = Kept(files=files)
    token = _kept.set(held)
    try:
        yield
    finally:
        _kept.reset(token)
        held.close()
