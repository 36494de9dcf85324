"""Compressed inputs (gzip, bzip2, xz, zstd): recognised by their first bytes, unpacked as streams.

Up to 1 MiB is unpacked into memory, more into an unnamed temporary file, which the kernel removes
however the program ends. Zeros become holes in it.

Source: RFC 1952 (gzip), RFC 8878 (zstd), the .xz file format 1.2.1, bzip2's compress.c.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import zlib
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hwpkho.base import sparse, temporary
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

#: Bytes at the start of a file by which compression is recognised.
HEAD = 32
#: The most bytes that one input may unpack to, unless the environment sets another limit: 8 GiB,
#: and beyond 2 GiB no more than 200 times the file. Memory in use compresses to a tenth; what
#: compresses to a two-hundredth is empty, or a decompression bomb.
MAX_UNPACKED, _SURE, _TIMES = 8 << 30, 2 << 30, 200
LIMIT = "HWPKHO_MAX_UNPACKED"
#: The most unpacked bytes that are kept in memory; more go to a temporary file.
IN_MEMORY = 1 << 20

#: Bytes passed to a decompressor at first, then doubled up to the second number: decompressors copy
#: the bytes that they did not use.
_FIRST, _PIECE = 1 << 12, 1 << 18
#: How many streams of a method that is dear to begin may be shorter than 1 KiB on average.
_SMALL = 1 << 13
#: Zeros are looked for in pieces of so many bytes; a piece of zeros becomes a hole.
_HOLE = 1 << 14
#: The most memory for xz's dictionary; xz -9 needs 65 MiB.
_XZ_MEMORY = 192 << 20
_SIZE = late(r"([0-9]{1,18})([KMGT]?)(?:i?B)?", re.IGNORECASE)
_SHIFT = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class _Stream(Protocol):
    """The decompressor of one stream, with the interface of bz2, lzma and compression.zstd."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = ...) -> bytes: ...


_BUILT_WITHOUT = "this Python was built without support for it"


class Method(NamedTuple):
    """One compression format.

    Attributes:
        name: For messages; also the command that unpacks it with ``-d``.
        starts: Matches the beginning of a stream.
        open: Returns a decompressor; ImportError where its library is not installed.
        dear: Whether starting a stream takes as long as unpacking 100 KiB.
        between: Matches what else may follow a stream, for the decompressor to skip.
        missing: What to tell the user where its library is not installed.
    """

    name: str
    starts: re.Pattern[bytes]
    open: Callable[[], _Stream]
    dear: bool = False
    between: re.Pattern[bytes] | None = None
    missing: str = _BUILT_WITHOUT


class _Gzip:
    """One member of a gzip file, with the interface of the other decompressors."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, /, max_length: int = 0) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = len(out) < max_length and not self._inner.unconsumed_tail
        return out


def _bzip2() -> _Stream:
    import bz2  # most inputs need none of the three

    return bz2.BZ2Decompressor()


def _xz() -> _Stream:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _zstd() -> _Stream:
    from importlib import import_module

    # By version, not by trying: a failing import takes six times as long as a small stream.
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    stream: _Stream = import_module(name).ZstdDecompressor()
    return stream


METHODS = (
    Method("gzip", re.compile(rb"\x1f\x8b\x08"), _Gzip),
    Method("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), _bzip2),
    Method("xz", re.compile(rb"\xfd7zXZ\0"), _xz),
    # pzstd begins with a skippable frame of 4 bytes.
    Method(
        "zstd",
        re.compile(rb"(?:[\x50-\x5f]\x2a\x4d\x18\x04\0\0\0....)?\x28\xb5\x2f\xfd", re.DOTALL),
        _zstd,
        dear=True,
        between=late(rb"[\x50-\x5f]\x2a\x4d\x18"),
        missing=_BUILT_WITHOUT
        if sys.version_info >= (3, 14)
        else "to read it before Python 3.14 install the extra: pip install 'hwpkho[kdump]'",
    ),
)


def method_of(head: bytes) -> Method | None:
    """Return the compression of a file that begins with ``head`` (``HEAD`` bytes), or None."""
    return next((method for method in METHODS if method.starts.match(head)), None)


def limit(packed: int | None = None) -> int:
    """Return the most bytes that a file of ``packed`` bytes (None: unknown) may unpack to.

    Raises InputError where the environment variable :data:`LIMIT` is not a size.
    """
    text = os.environ.get(LIMIT)
    if text is None:
        return MAX_UNPACKED if packed is None else min(MAX_UNPACKED, max(_SURE, _TIMES * packed))
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InputError(f"{LIMIT}={printable(text[:40])}: is not a size such as 64G")
    return int(match[1]) << _SHIFT[match[2].upper()]


def unpacked(
    descriptor: int, method: Method, shown: str, *, head: bytes = b"", enough: int | None = None
) -> int:
    """Return a new descriptor of a compressed file's content, positioned at its beginning.

    The file is read from the current position of ``descriptor``, which stays open; ``head`` are the
    bytes already read before it. ``shown`` names the file in messages; unpacking may stop after
    ``enough`` bytes. Raises InputError where a stream is cut off or damaged, the content is larger
    than :func:`limit`, or the library is not installed.
    """
    pieces = _placed(_pieces(_Packed(descriptor, head), method, shown, enough))
    held: list[tuple[int, bytes]] = []
    for at, piece in pieces:
        held.append((at, piece))
        if at + len(piece) > IN_MEMORY:
            return to_file(chain(held, pieces), shown)
    return in_memory(held)


def _placed(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    at = 0
    for piece in pieces:
        yield at, piece
        at += len(piece)


def in_memory(pieces: Iterable[tuple[int, bytes]], size: int = 0) -> int:
    """Return a memfd with ``(offset, bytes)`` pieces, ascending, positioned at its beginning.

    ``size`` is the length of the whole in bytes, needed where it ends in a hole.
    """
    found = os.memfd_create("unpacked", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(found), "wb") as out:
        _write(out, pieces, size)
    os.lseek(found, 0, os.SEEK_SET)
    return found


def to_file(pieces: Iterable[tuple[int, bytes]], shown: str, size: int = 0) -> int:
    """As :func:`in_memory`, in an unnamed temporary file, which nobody else can open.

    Raises InputError, naming the input as ``shown``, where there is no room for it.
    """
    try:
        with temporary.file() as spool:
            _write(spool, pieces, size)
            spool.flush()
            found = os.dup(spool.fileno())
    except OSError as error:
        import tempfile

        raise InputError(
            f"{shown}: cannot be unpacked into a temporary file in "
            f"{printable(tempfile.gettempdir())}: {error.strerror or error}; TMPDIR names another "
            "folder"
        ) from error
    os.lseek(found, 0, os.SEEK_SET)
    return found


def _write(out: BinaryIO, pieces: Iterable[tuple[int, bytes]], size: int) -> None:
    """Write pieces; gaps between them, and zeros in them, become holes."""
    for at, piece in pieces:
        out.seek(at)
        view = memoryview(piece)
        sparse.write(out, (view[i : i + _HOLE] for i in range(0, len(view), _HOLE)))
    if size:
        out.truncate(size)


def _pieces(source: _Packed, method: Method, shown: str, enough: int | None) -> Iterator[bytes]:
    """Yield the unpacked bytes of all streams: a file may hold several, one after the other."""
    most = limit(source.size)
    size = streams = 0
    while source.next_stream():
        stream = _begin(source, method, shown)
        streams += 1
        if method.dear and streams > _SMALL + (source.offset >> 10):
            raise InputError(
                f"{shown}: more than {_SMALL} {method.name} streams of less than 1 KiB each; "
                f"unpack it: {method.name} -d"
            )
        data, step = b"", _FIRST
        while not stream.eof:
            if stream.needs_input and not data:
                data, step = source.take(step), min(2 * step, _PIECE)
                if not data:
                    raise InputError(
                        f"{shown}: the {method.name} stream is cut off: the file ends at offset "
                        f"0x{source.offset:x}, after {counted(size, 'byte')} unpacked"
                    )
            piece = _step(stream, data, method, shown, source.offset)
            data = b""
            size += len(piece)
            if size > most:
                raise InputError(
                    f"{shown}: unpacks to more than {human_bytes(most)}; {LIMIT}=SIZE raises that "
                    "limit"
                )
            if piece:
                yield piece
            if enough is not None and size >= enough:
                return
        source.give_back(len(stream.unused_data))


class _Packed:
    """The bytes of a compressed file.

    Attributes:
        offset: How many have been taken.
        size: How many there are, None for a pipe.
    """

    def __init__(self, descriptor: int, head: bytes) -> None:
        status = os.fstat(descriptor)
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
        self._descriptor = descriptor
        self._held, self._at = head, 0
        self.offset = 0

    def take(self, most: int) -> bytes:
        """Return up to ``most`` bytes, none only at the end."""
        if self._at == len(self._held):
            self._held, self._at = os.read(self._descriptor, _PIECE), 0
        data = self._held[self._at : self._at + most]
        self._at += len(data)
        self.offset += len(data)
        return data

    def give_back(self, count: int) -> None:
        """Take back the last ``count`` bytes, which the decompressor did not use."""
        self._at -= count
        self.offset -= count

    def next_stream(self) -> bool:
        """Skip padding of zeros; tell whether anything follows."""
        step = HEAD
        while data := self.take(step):
            data_left = data.lstrip(b"\0")
            if data_left:
                self.give_back(len(data_left))
                return True
            if self.size is not None and self._at == len(self._held):
                # The padding of a file may be a hole of terabytes.
                self.offset += sparse.skip_hole(self._descriptor)
            step = _PIECE
        return False

    def head(self) -> bytes:
        """Return the next ``HEAD`` bytes, or all that are left, without taking them."""
        while len(self._held) - self._at < HEAD and (more := os.read(self._descriptor, _PIECE)):
            self._held, self._at = self._held[self._at :] + more, 0
        return self._held[self._at : self._at + HEAD]


def _begin(source: _Packed, method: Method, shown: str) -> _Stream:
    """Return a decompressor for the next stream. Raises InputError where none begins here."""
    head = source.head()
    if method_of(head) is not method and not (method.between and method.between.match(head)):
        raise InputError(
            f"{shown}: what follows the {method.name} stream at offset 0x{source.offset:x} is not "
            "another one"
        )
    try:
        return method.open()
    except ImportError as error:
        raise InputError(
            f"{shown}: is {method.name}-compressed; {method.missing}; or unpack it: "
            f"{method.name} -d"
        ) from error


def _step(stream: _Stream, data: bytes, method: Method, shown: str, packed: int) -> bytes:
    """Return the next unpacked bytes; InputError for any error that a decompressor raises."""
    try:
        return stream.decompress(data, _PIECE)
    except MemoryError:
        raise
    except Exception as error:
        if not isinstance(error, (OSError, EOFError, ValueError, zlib.error)) and type(
            error
        ).__name__ not in ("LZMAError", "ZstdError"):
            raise  # naming the classes would import their modules
        raise InputError(
            f"{shown}: the {method.name} stream is damaged within its first "
            f"{counted(packed, 'byte')}: {printable(str(error))}"
        ) from error
