"""Pages of a kdump-compressed image, by the flags of their descriptor.

Source: makedumpfile diskdump_mod.h (DUMP_DH_COMPRESSED_*). zlib comes with Python, the others
with the extra ``kdump``: they are imported when the first page needs them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RAW, ZLIB, LZO, SNAPPY, ZSTD = 0x0, 0x1, 0x2, 0x4, 0x20

#: Descriptor flags → name of the algorithm.
METHODS = {RAW: "uncompressed", ZLIB: "zlib", LZO: "lzo", SNAPPY: "snappy", ZSTD: "zstd"}

#: As much compressed data as is tried first when only the start of a page is wanted: a dynamic
#: Huffman header of deflate is at most about 320 bytes long.
_HEAD = 512


def expand(flags: int, data: memoryview, size: int) -> memoryview:
    """Return the page of exactly ``size`` bytes that ``data`` holds.

    ``flags`` is a key of METHODS. Raises ValueError, saying what is wrong, for a damaged page, and
    ImportError where the algorithm's library is not installed. ``data`` must not be longer than
    ``size``, which bounds what lzo can make of it (255 times as much); the other algorithms never
    give more than ``size`` bytes.
    """
    page = data if flags == RAW else memoryview(_EXPAND[flags](data, size))
    if len(page) != size:
        amount = str(len(page)) if len(page) < size else "too many"
        raise ValueError(f"gives {amount} bytes, expected {size}")
    return page


def head(flags: int, data: memoryview, size: int, length: int) -> bytes:
    """Return the first ``length`` bytes of a page, at less than the cost of all where possible.

    As :func:`expand`, but damage behind what had to be looked at goes unnoticed. ``length`` is
    at most 8.
    """
    start = 0
    if flags == RAW:
        return bytes(data[:length])
    if flags == ZLIB:
        first = _inflate_head(data, length)
        if len(first) == length:
            return first
    elif flags == LZO:
        start = _lzo_literals(data, length)
    elif flags == SNAPPY:
        start = _snappy_literals(data, length, size)
    if start and start + length <= len(data):
        return bytes(data[start : start + length])
    return bytes(expand(flags, data, size)[:length])


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


def _lzo_literals(data: memoryview, length: int) -> int:
    """Return where the first literal run of an LZO1X stream begins if it has ``length`` bytes.

    0 where it is shorter, or where the stream begins otherwise (Documentation/staging/lzo.rst).
    """
    if not data:
        return 0
    first = data[0]
    if first > 17:
        run, start = first - 17, 1
    elif first > 15:
        return 0
    elif first:
        run, start = first + 3, 1
    else:
        run, start = 18, 1
        while start < len(data) and not data[start]:
            start += 1
        start += 1
    return start if run >= length else 0


def _snappy_literals(data: memoryview, length: int, size: int) -> int:
    """Return where the first literal of a raw snappy block begins if it has ``length`` bytes.

    0 where it is shorter or the block is not one of ``size`` bytes (google/snappy,
    format_description.txt).
    """
    given = at = 0
    while at < min(len(data), 5):
        given |= (data[at] & 0x7F) << (7 * at)
        at += 1
        if data[at - 1] < 0x80:
            break
    if given != size or at >= len(data) or data[at] & 3:
        return 0
    run = (data[at] >> 2) + 1
    at += 1
    if run > 60:
        extra = run - 60
        run = int.from_bytes(data[at : at + extra], "little") + 1
        at += extra
    return at if run >= length else 0
