"""Lines of texts that are read whole: short ones, such as a configuration or a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.logs.text import blocks, rows

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from hwpkho.images.files import FileBytes

#: A line is cut after so many characters: a kernel command line has 2048 at most.
MAX_LINE = 1 << 16
#: A line of settings is read whole: a list of ours with a million entries is no longer, characters.
LONGEST = 40 << 20
#: A text is at most this long, bytes.
MAX_SIZE = 1 << 29
_PIECE = 1 << 16
#: What is longer without a line end is cut there, bytes.
_MAX_UNBROKEN = 1 << 20


def numbered(
    file: FileBytes, wanted: re.Pattern[str], longest: int = MAX_LINE, *, screen: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text and their numbers, from 1; see :mod:`hwpkho.logs.text`.

    A line is cut after ``longest`` characters; where that is :data:`LONGEST`, a longer one is an
    InputError. Blocks in which ``wanted`` matches nowhere are
    passed over, but for their first line: it ends what goes on in the next line. Holes of a sparse
    file are left out. Raises InputError for a file of more than 512 MiB.
    """
    if file.size > MAX_SIZE:
        raise InputError(f"{file.shown}: {file.size} bytes are more than {MAX_SIZE}")
    number = 1
    begun: list[str] = []  # a line that goes on in the next block
    for block in blocks(rows(pieces(file)) if screen else pieces(file)):
        text = block.decode("utf-8", "replace")
        *lines, rest = text.split("\n")
        if lines:
            lines[0] = "".join((*begun, lines[0]))
            begun = []
        if sum(map(len, begun)) < longest:
            begun.append(rest)
        if longest == LONGEST < max(sum(map(len, begun)), len(lines[0]) if lines else 0):
            raise InputError(
                f"{file.shown}: line {number}: more than {LONGEST >> 20} MiB long, too long for a "
                "list of bad pages"
            )
        # The first one is taken in any case.
        concerned = len(lines) > 1 and wanted.search(text) is not None
        for line_number, line in enumerate(lines if concerned else lines[:1], number):
            yield line_number, line[:longest]
        number += len(lines)
    if last := "".join(begun):  # without a line end, and longer than a block
        yield number, last[:longest]


def pieces(file: FileBytes) -> Iterator[bytes]:
    """Yield the bytes of a file without its holes."""
    for start, end in file.data_ranges():
        for at in range(start, end, _PIECE):
            yield bytes(file.read(at, min(_PIECE, end - at)))


def last_lines_first(file: FileBytes) -> Iterator[bytes]:
    """Yield the lines of a file, the last one first; holes are left out.

    A line of more than 1 MiB may be cut.
    """
    rest = b""  # the line that begins in the piece above
    whole = False
    ranges = list(file.data_ranges())
    first = ranges[0][0] if ranges else 0
    for start, end in reversed(ranges):
        for stop in range(end, start, -_PIECE):
            at = max(start, stop - _PIECE)
            data = bytes(file.read(at, stop - at))
            data, whole = data if whole else data.removesuffix(b"\n"), True
            if at == first:  # its first line belongs to the entry of those below
                rest = b"\n".join(reversed((data + rest).split(b"\n")))
                continue
            head, found, lines = data.partition(b"\n")
            if found:
                yield b"\n".join(reversed((lines + rest).split(b"\n"))) + b"\n"
                rest = head
            elif len(rest) > _MAX_UNBROKEN:
                yield rest + b"\n"
                rest = head
            else:
                rest = head + rest
    yield rest + b"\n"
