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
#: A byte of zero in an LZO stream can stand for 255 bytes of a length; above so many bytes in all,
#: the lengths are added up before they are believed.
_LZO_TRUSTED = 1 << 20


def expand(flags: int, data: memoryview, size: int) -> memoryview:
    """Return the page of exactly ``size`` bytes that ``data`` holds.

    ``flags`` is a key of METHODS. Raises ValueError, saying what is wrong, for a damaged page, and
    ImportError where the algorithm's library is not installed. No algorithm is let write more than
    ``size`` bytes, but lzo, whose library knows no limit: ``data`` must not be longer than
    ``size``, and then it writes at most 1 MiB + 72 times ``size``.
    """
    page = data if flags == RAW else memoryview(_EXPAND[flags](data, size))
    if len(page) != size:
        amount = str(len(page)) if len(page) < size else "too many"
        raise ValueError(f"gives {amount} bytes, expected {size}")
    return page


def head(flags: int, data: memoryview, size: int, length: int) -> bytes | None:
    """Return the first ``length`` bytes of a page if they can be had without all the others.

    Where they cannot, None: the page must be expanded. Damage in what was not looked at goes
    unnoticed. ``length`` is at most 8. Raises as :func:`expand` does.
    """
    start = -1
    if flags == RAW:
        start = 0
    elif flags == ZLIB:
        first = _inflate_head(data, length)
        return first if len(first) == length else None
    elif flags == LZO:
        start = _lzo_literals(data, length)
    elif flags == SNAPPY:
        start = _snappy_literals(data, length, size)
    if start < 0 or start + length > len(data):
        return None
    return bytes(data[start : start + length])


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

    if bytes(data).count(0) * 255 > _LZO_TRUSTED and lzo_length(data, size) > size:
        raise ValueError(f"gives too many bytes, expected {size}")
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

    -1 where it is shorter, or where the stream begins otherwise (Documentation/staging/lzo.rst).
    """
    if not data:
        return -1
    first = data[0]
    if first > 17:
        run, start = first - 17, 1
    elif first > 15:
        return -1
    elif first:
        run, start = first + 3, 1
    else:
        run, start = 18, 1
        while start < len(data) and not data[start]:
            start += 1
        start += 1
    return start if run >= length else -1


def lzo_length(data: memoryview, limit: int) -> int:
    """Return how many bytes an LZO1X stream stands for, without making them.

    Stops as soon as it is more than ``limit``, or where the stream breaks off.
    """
    out = at = state = 0
    try:
        if data[0] > 17:
            # The first literals; up to three count as those that follow a match.
            run = data[0] - 17
            at, out, state = 1 + run, run, min(run, 4)
        while out <= limit:
            code = data[at]
            at += 1
            if code < 16 and not state:
                run, at = (code, at) if code else _lzo_extended(data, at, 15, limit)
                at, out, state = at + run + 3, out + run + 3, 4
                continue
            if code < 16:
                run, trail = (3 if state == 4 else 2), code
                at += 1
            elif code >= 64:
                run, trail = (code >> 5) + 1, code
                at += 1
            else:
                mask = 31 if code >= 32 else 7
                run = code & mask
                if not run:
                    run, at = _lzo_extended(data, at, mask, limit)
                run, trail = run + 2, data[at]
                if code < 32 and not code & 8 and trail < 4 and not data[at + 1]:
                    break  # the end mark
                at += 2
            state = trail & 3
            at, out = at + state, out + run + state
    except IndexError:
        pass
    return out


def _lzo_extended(data: memoryview, at: int, run: int, limit: int) -> tuple[int, int]:
    while not data[at] and run <= limit:
        run += 255
        at += 1
    return run + data[at], at + 1


def _snappy_literals(data: memoryview, length: int, size: int) -> int:
    """Return where the first literal of a raw snappy block begins if it has ``length`` bytes.

    -1 where it is shorter or the block is not one of ``size`` bytes (google/snappy,
    format_description.txt).
    """
    given = at = 0
    while at < min(len(data), 5):
        given |= (data[at] & 0x7F) << (7 * at)
        at += 1
        if data[at - 1] < 0x80:
            break
    if given != size or at >= len(data) or data[at] & 3:
        return -1
    run = (data[at] >> 2) + 1
    at += 1
    if run > 60:
        extra = run - 60
        run = int.from_bytes(data[at : at + extra], "little") + 1
        at += extra
    return at if run >= length else -1
