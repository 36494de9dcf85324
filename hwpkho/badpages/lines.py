"""Lines of texts that are read whole: short ones, such as a configuration or a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.logs.text import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.images.files import FileBytes

#: A line is cut after so many characters: a kernel command line has 2048 at most.
MAX_LINE = 1 << 16
#: A text is at most this long, bytes.
MAX_SIZE = 1 << 29
_PIECE = 1 << 16


def numbered(file: FileBytes) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text and their numbers, from 1; see :mod:`hwpkho.logs.text`.

    Holes of a sparse file are left out. Raises InputError for a file of more than 512 MiB.
    """
    if file.size > MAX_SIZE:
        raise InputError(f"{file.shown}: {file.size} bytes are more than {MAX_SIZE}")
    number = 0
    for block in blocks(pieces(file)):
        for line in block.decode("utf-8", "replace").split("\n")[:-1]:
            number += 1
            yield number, line[:MAX_LINE]


def pieces(file: FileBytes) -> Iterator[bytes]:
    """Yield the bytes of a file without its holes."""
    for start, end in file.data_ranges():
        for at in range(start, end, _PIECE):
            yield bytes(file.read(at, min(_PIECE, end - at)))
