"""Sparse files: zeros are written as holes where possible, and holes are skipped when reading."""

from __future__ import annotations

import errno
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO


@cache
def _zeros(size: int) -> bytes:
    return bytes(size)


def data_from(descriptor: int, at: int, size: int) -> int:
    """Return the offset of the first data from ``at`` on, in a file of ``size`` bytes.

    ``size`` where only a hole follows; ``at`` where lseek() cannot tell (a pipe, a file system
    without SEEK_DATA).
    """
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else at


def skip_hole(descriptor: int) -> int:
    """Seek to the next data of a file, or to its end; return how many bytes were skipped.

    Raises OSError for a pipe.
    """
    here = os.lseek(descriptor, 0, os.SEEK_CUR)
    data = data_from(descriptor, here, max(here, os.fstat(descriptor).st_size))
    return os.lseek(descriptor, data, os.SEEK_SET) - here


def write(out: BinaryIO, parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts``, none of them empty, one after the other; those of all zeros become holes.

    An output that cannot seek gets every byte. Another ends where the last part ends: what it held
    behind its position is cut off, as it would show through the holes.
    """
    if not out.seekable():
        out.writelines(parts)
        return
    end = start = out.tell()
    out.truncate()
    for part in parts:
        end += len(part)
        if part[0] or part != _zeros(len(part)):
            out.seek(end - len(part))
            out.write(part)
    if end > start:
        out.seek(end)
        out.truncate()
