"""Reads texts line by line, such as a configuration or a screen; logs have their own scanner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.logs.text import blocks, rows

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from hwpkho.images.files import FileBytes

#: The most characters of a line, by default: a kernel command line has at most 2048.
MAX_LINE = 1 << 16
#: The most characters of a line of settings: enough for a million entries written by hwpkho.
LONGEST = 40 << 20
#: The most bytes of a text.
MAX_SIZE = 1 << 29
_PIECE = 1 << 16
#: A line longer than this may be cut when a file is read backwards, bytes.
_MAX_UNBROKEN = 1 << 20


def numbered(
    file: FileBytes, wanted: re.Pattern[str], longest: int = MAX_LINE, *, screen: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield lines of a text with their numbers, from 1; see :mod:`hwpkho.logs.text`.

    A line is cut off after ``longest`` characters; where that is :data:`LONGEST`, a longer one
    raises InputError. Of blocks in which ``wanted`` does not match, only the first line is yielded,
    because it may end a list that continues over lines. With ``screen``, rows drawn by cursor
    movements become lines. Holes of a sparse file are skipped. Raises InputError for a file of more
    than 512 MiB.
    """
    if file.size > MAX_SIZE:
        raise InputError(f"{file.shown}: {file.size} bytes are more than {MAX_SIZE}")
    number = 1
    begun: list[str] = []  # parts of a line that continues in the next block
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
        # The first line is yielded in any case.
        concerned = len(lines) > 1 and wanted.search(text) is not None
        for line_number, line in enumerate(lines if concerned else lines[:1], number):
            yield line_number, line[:longest]
        number += len(lines)
    if last := "".join(begun):  # the last line has no line end and is longer than a block
        yield number, last[:longest]


def pieces(file: FileBytes) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces, without its holes."""
    for start, end in file.data_ranges():
        for at in range(start, end, _PIECE):
            yield bytes(file.read(at, min(_PIECE, end - at)))


def ends_within_line(file: FileBytes) -> bool:
    """Tell whether a text ends without a line end: a number there may be cut off."""
    end = bytes(file.read(max(0, file.size - 4), min(4, file.size)))
    # Behind a line end NULs may follow: after a crash, and in UTF-16.
    return end.rstrip(b"\0")[-1:] not in (b"", b"\n", b"\r")


def last_lines_first(file: FileBytes) -> Iterator[bytes]:
    """Yield the lines of a file in reverse order, several at once; holes are skipped.

    A line of more than 1 MiB may be cut into several.
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
            if at == first:  # nothing before it could hold the start of its first line
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
