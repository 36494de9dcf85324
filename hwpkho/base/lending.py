"""Files that the library's caller has open itself: each gets a name that is used like a path."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from hwpkho.base import temporary
from hwpkho.base.unopened import failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

#: Name → descriptor of each such file.
_lent: ContextVar[Mapping[str, int] | None] = ContextVar("_lent", default=None)


def now() -> Mapping[str, int]:
    """Return the name and descriptor of each file that is lent out."""
    return _lent.get() or {}


@contextmanager
def within(names: Mapping[str, int]) -> Iterator[None]:
    """Within the block, open these names, and no others, as files that are lent out."""
    token = _lent.set(names)
    try:
        yield
    finally:
        _lent.reset(token)


def descriptor_of(path: str | Path) -> int | None:
    """Return the descriptor of the lent file named ``path``, None where ``path`` is a real path."""
    lent_out = _lent.get()
    return None if lent_out is None else lent_out.get(str(path))


@contextmanager
def lent(file: BinaryIO) -> Iterator[str]:
    """Yield a name under which ``file``, open for reading bytes, can be opened within the block.

    See :func:`held`.
    """
    others = now()
    with held(file, others) as (name, descriptor), within({**others, name: descriptor}):
        yield name


@contextmanager
def held(file: BinaryIO, others: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield a name that ``others`` do not have for ``file``, open for reading bytes, and a
    descriptor, which is open within the block.

    It is read from its beginning, and its own position does not move. Anything but a regular file
    is first copied to an unnamed temporary file; one that cannot seek gives only what is left of
    it. Raises InputError where it cannot be read.
    """
    own = getattr(file, "name", None)
    shown = own if own and isinstance(own, str) else type(file).__name__
    name = f"<{shown}>"
    while name in others:
        name = f"{name[:-1]}'>"
    try:
        descriptor = _independent(file)
    except (OSError, ValueError) as error:
        raise failed(name, error) from error
    try:
        yield name, descriptor
    finally:
        os.close(descriptor)


def _independent(file: BinaryIO) -> int:
    """Return a descriptor of the file's bytes: a dup of its own, or that of a copy."""
    raw = getattr(file, "raw", file)
    if isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        if file.writable():
            file.flush()
        return os.dup(raw.fileno())
    position = file.tell() if file.seekable() else None
    with temporary.file() as spool:
        if position is not None:
            file.seek(0)
        while chunk := file.read(1 << 20):
            spool.write(chunk)
        if position is not None:
            file.seek(position)
        spool.flush()
        return os.dup(spool.fileno())
