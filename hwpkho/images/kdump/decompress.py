"""Decompresses the pages of a kdump-compressed image, by the flags of their descriptors.

Source: makedumpfile diskdump_mod.h (DUMP_DH_COMPRESSED_*). zlib comes with Python, the other
libraries with the extra ``kdump``; they are imported for the first page that needs them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

RAW, ZLIB, LZO, SNAPPY, ZSTD = 0x0, 0x1, 0x2, 0x4, 0x20

#: Descriptor flags → name of the algorithm.
METHODS = {RAW: "uncompressed", ZLIB: "zlib", LZO: "lzo", SNAPPY: "snappy", ZSTD: "zstd"}

#: Compressed bytes that are enough for the first bytes of a page: a dynamic Huffman header of
#: deflate has at most about 320 bytes.
_HEAD = 512
#: A zero byte in an LZO stream can add 255 bytes to a length.
_LZO_RUN = 255


class DamagedPageError(InputError):
    """A page whose descriptor or compressed data is invalid."""


def expand(flags: int, data: memoryview, size: int) -> memoryview:
    """Decompress ``data`` into a page of exactly ``size`` bytes.

    ``flags`` is a key of METHODS. Raises ValueError with the reason for a damaged page, and
    ImportError where the algorithm's library is not installed. No algorithm writes more than
    ``size`` bytes, except lzo, whose library has no limit: see :func:`cost`.
    """
    page = data if flags == RAW else memoryview(_EXPAND[flags](data, size))
    if len(page) != size:
        amount = counted(len(page), "byte") if len(page) < size else "too many bytes"
        raise ValueError(f"gives {amount}, expected {size}")
    return page


def cost(flags: int, data: memoryview, size: int) -> int:
    """Return the most bytes that :func:`expand` writes for a page of ``size`` bytes."""
    return size + (bytes(data).count(0) * _LZO_RUN if flags == LZO else 0)


def head(flags: int, data: memoryview, length: int) -> bytes | None:
    """Return the first ``length`` bytes (at most 8) of a page without expanding all of it.

    None where that is not possible (lzo, snappy, zstd): call :func:`expand`. Damage in the rest of
    the page goes unnoticed. Raises as :func:`expand` does.
    """
    if flags == RAW:
        return bytes(data[:length])
    if flags == ZLIB:
        first = _inflate_head(data, length)
        return first if len(first) == length else None
    return None


def _inflate_head(data: memoryview, length: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data[:_HEAD], length)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _inflate(data: memoryview, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        page = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(page) == size and not stream.eof:
        raise ValueError("the stream is cut off")
    return page


def _unlzo(data: memoryview, size: int) -> bytes:
    import lzallright

    try:
        page: bytes = lzallright.LZOCompressor.decompress(data, size)
    except lzallright.InputNotConsumed as error:
        raise ValueError("bytes follow the end of the page") from error
    except lzallright.LZOError as error:
        raise ValueError(str(error)) from error
    return page


def _unsnappy(data: memoryview, size: int) -> memoryview:
    import cramjam

    page = bytearray(size)
    try:
        given: int = cramjam.snappy.decompress_raw_into(data, page)
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error
    return memoryview(page)[:given]


def _unzstd(data: memoryview, size: int) -> memoryview:
    import cramjam

    page = bytearray(size)
    try:
        given: int = cramjam.zstd.decompress_into(data, page)
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error
    return memoryview(page)[:given]


_EXPAND: dict[int, Callable[[memoryview, int], bytes | memoryview]] = {
    ZLIB: _inflate,
    LZO: _unlzo,
    SNAPPY: _unsnappy,
    ZSTD: _unzstd,
}
