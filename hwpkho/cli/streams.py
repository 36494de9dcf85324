"""Standard output and standard error: what they cannot show is escaped.

A report may hold any character, and a terminal any encoding: a character it lacks is written as
``\\uNNNN``. An error of standard error changes no result and is ignored. One of standard output
ends the program: its reader would miss something.
"""

from __future__ import annotations

import codecs
import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

#: ASCII under a name of our own: click takes a stream whose encoding is ASCII for misconfigured,
#: and writes UTF-8 past it.
_PLAIN = "hwpkho_ascii"


def prepare() -> None:
    """Make both streams escape what their encoding lacks, and standard error never fail."""
    codecs.register(_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            plain = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(
                encoding=_PLAIN if plain else stream.encoding, errors="backslashreplace"
            )
    err = sys.stderr
    if isinstance(err, io.TextIOWrapper):
        raw = getattr(err.buffer, "raw", err.buffer)
        if isinstance(raw, io.FileIO):
            with suppress(OSError, ValueError):
                err.flush()
            sys.stderr = io.TextIOWrapper(
                io.BufferedWriter(_Unheard(raw)), err.encoding, err.errors, line_buffering=True
            )


def _plain(name: str) -> codecs.CodecInfo | None:
    if name != _PLAIN:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode,
        ascii_.decode,
        incrementalencoder=ascii_.incrementalencoder,
        incrementaldecoder=ascii_.incrementaldecoder,
        name=_PLAIN,
    )


class _Unheard(io.RawIOBase):
    """Writes what can be written, and drops the rest."""

    def __init__(self, out: io.RawIOBase) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._out.fileno()

    def isatty(self) -> bool:
        return self._out.isatty()

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return self._out.write(data) or len(data)
        return len(data)
