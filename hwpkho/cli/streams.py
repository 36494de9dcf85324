"""Prepares standard output and standard error.

A report may hold any character, and a terminal may have any encoding: a character that the encoding
lacks is written as ``\\uNNNN``. Errors in writing standard error are ignored, as they change no
result; it may even be closed. An error in writing standard output ends the program, and says that
it is one.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from hwpkho.errors import InputError

if TYPE_CHECKING:
    from typing import Any

#: ASCII under a name of our own: click takes a stream in plain ASCII for misconfigured, and writes
#: UTF-8 past it.
_PLAIN = "hwpkho_ascii"


def prepare() -> None:
    """Make both streams escape what their encoding lacks, and standard error ignore errors.

    An error in writing standard output has its name.
    """
    codecs.register(_plain)
    _occupy_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            plain = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(
                encoding=_PLAIN if plain else stream.encoding, errors="backslashreplace"
            )
    out, err = sys.stdout, sys.stderr
    if isinstance(out, io.TextIOWrapper) and (raw := _raw(out)):
        out.flush()
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Named(raw)),
            out.encoding,
            out.errors,
            line_buffering=out.line_buffering,
            write_through=out.write_through,
        )
    if err is None:  # Python sets None if the descriptor is closed: 2>&-
        sys.stderr = _ignoring_errors(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace")
    elif isinstance(err, io.TextIOWrapper) and (raw := _raw(err)):
        with suppress(OSError, ValueError):
            err.flush()
        sys.stderr = _ignoring_errors(raw, err.encoding, err.errors)


def _raw(stream: io.TextIOWrapper) -> io.FileIO | None:
    """Return the file behind a stream; it has no buffer with ``python -u``."""
    raw = getattr(stream.buffer, "raw", stream.buffer)
    return raw if isinstance(raw, io.FileIO) else None


def _occupy_descriptors() -> None:
    """Open /dev/null on descriptors 0 to 2 that are closed.

    Otherwise the next file opened would get the descriptor, and with it what Python or a library
    writes to standard error. It is opened for writing only, so reading fails as on a closed one.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_WRONLY), True)  # the lowest number


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


def _ignoring_errors(raw: io.RawIOBase, encoding: str, errors: str | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_IgnoringErrors(raw)), encoding, errors, line_buffering=True
    )


class _Output(io.RawIOBase):
    """A raw stream that is written to ``out``."""

    def __init__(self, out: io.RawIOBase) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._out.fileno()

    def isatty(self) -> bool:
        return self._out.isatty()


class _Named(_Output):
    """A raw stream whose errors say that they are about standard output.

    They do so here, as what is written around them may be another output.
    """

    def write(self, data: Any, /) -> int | None:
        try:
            return self._out.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(f"standard output: {error.strerror or error}") from error


class _IgnoringErrors(_Output):
    """A raw stream that ignores errors in writing."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return self._out.write(data) or len(data)
        return len(data)
