"""Errors in writing an output, which name it as the user did.

An error is named where it happens: the block of one output may be inside that of another.
"""

from __future__ import annotations

import errno
import io
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.base.options import is_library
from hwpkho.base.unopened import too_long
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def named(path: str) -> Iterator[None]:
    """Turn an OSError into an InputError that names the output.

    That its reader has gone ends a command without a word; to a program it is an error like others.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError) and not is_library():
            raise
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(too_long(path)) from error
        said = error.strerror or str(error)
        parent = Path(path).parent
        # /proc exists, and refuses new files with ENOENT.
        if isinstance(error, FileNotFoundError) and not parent.exists():
            said = f"there is no folder {printable(str(parent))}"
        raise InputError(f"{printable(path)}: {said}") from error


class NamedFile(io.FileIO):
    """An open descriptor to write to; raises InputError with the name ``path``."""

    def __init__(self, descriptor: int, path: str) -> None:
        super().__init__(descriptor, "wb")
        self._path = path

    def write(self, data: Any, /) -> int:
        """Write bytes; return how many were written."""
        with named(self._path):
            return super().write(data)
