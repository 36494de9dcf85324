"""Compressed AVML images: each record is a snappy stream, whose chunks are unpacked on demand.

Source: AVML src/image.rs; snappy framing_format.txt (chunks of up to 64 KiB, each with a checksum).
The snappy library comes with the extra ``kdump`` and is imported for the first chunk.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.image import PAGE_DAMAGED
from hwpkho.errors import InputError
from hwpkho.images.base import ImageFormat
from hwpkho.images.extents import MappedSource
from hwpkho.images.files import WINDOW, FileBytes
from hwpkho.images.records import AVML, HEADER_SIZE, check_count, cut_header, record, truncated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.codes import Problem

#: The chunk with which every stream begins.
_IDENTIFIER = b"\xff\x06\0\0sNaPpY"
_PACKED, _PLAIN, _SKIPPED = 0, 1, 0x80
_CHUNK_HEAD, _CHECKSUM = 4, 4
#: The most bytes of a chunk, unpacked and packed (snappy's worst case).
_MOST, _MOST_PACKED = 1 << 16, 76490 + _CHECKSUM
#: Unpacked chunks that are kept: more than a search needs at once.
_KEPT = 2 * WINDOW // _MOST
#: AVML makes chunks of 64 KiB. An image of more than _MANY chunks is refused where they average
#: less than _CRUMB bytes.
_MANY, _CRUMB = 1 << 15, 1 << 10
#: Damaged chunks that are reported.
_MAX_TOLD = 16
_MAX_WORD = 8


def open_avml(file: FileBytes) -> MappedSource:
    """Open a compressed AVML image.

    Raises InputError where a header is damaged, or chunks are so small that no AVML wrote them.
    """
    inner = Unpacked(file)
    return _Source(inner)


class _Source(MappedSource):
    """The memory of a compressed image; it has no file offsets."""

    def __init__(self, inner: Unpacked) -> None:
        name = printable(inner.path)
        super().__init__(name, [inner], inner.phys, inner.sizes, inner.offsets)
        self.problems, self.partial = inner.problems, bool(inner.problems)

    def place(self, _phys: int) -> tuple[str, int] | None:
        """See :meth:`Source.place`."""
        return None


class Unpacked(FileBytes):
    """The unpacked bytes of all records, one after the other; ``size`` and offsets count these.

    Attributes:
        phys: Physical address of each record.
        sizes: Unpacked bytes of each record that are present.
        offsets: Offset of each record in the unpacked bytes.
        problems: TRUNCATED, and PAGE_DAMAGED for chunks that cannot be unpacked; grows while the
            image is read.
    """

    def __init__(self, file: FileBytes) -> None:
        """Read the heads of all chunks. Raises InputError where one is damaged."""
        self.path, self.size = file.path, 0
        self._fd = -1
        self.phys: list[int] = []
        self.sizes: list[int] = []
        self.offsets: list[int] = []
        self.problems: list[Problem] = []
        self._file = file
        self._begin, self._at, self._packed = array("Q"), array("Q"), array("I")
        self._kept: OrderedDict[int, bytes | None] = OrderedDict()
        self._told = self._seen = 0
        at = 0
        while (found := record(file, at, AVML)) is not None:
            start = self.size
            end = self._chunks(at + HEADER_SIZE, found.size, at)
            self.phys.append(found.phys)
            self.sizes.append(self.size - start)
            self.offsets.append(start)
            check_count(file, len(self.phys), self.size)
            if end is None:
                return
            at = end
        self.problems += cut_header(file, at)

    def _chunks(self, at: int, size: int, header: int) -> int | None:
        """Note the chunks of a record of ``size`` unpacked bytes, from file offset ``at`` on.

        Returns the file offset of the next record, None where the file ends before it. ``header``
        is the record's own offset.
        """
        file, stream = self._file, at
        end = self.size + size
        while self.size < end:
            head = bytes(file.read(at, _CHUNK_HEAD + _CHECKSUM + 3))
            length = int.from_bytes(head[1:4], "little")
            if len(head) < _CHUNK_HEAD + 1 or at + _CHUNK_HEAD + length > file.size:
                self.problems.append(truncated(file, header))
                return None
            self._seen += 1
            if self._seen > _MANY and self.size < self._seen * _CRUMB:
                raise InputError(
                    f"{file.shown}: {self._seen} snappy chunks of "
                    f"{counted(self.size // self._seen, 'byte')} each; this is not a memory image"
                )
            kind = head[0]
            if kind in (_PACKED, _PLAIN):
                holds = _holds(kind, length, head[_CHUNK_HEAD + _CHECKSUM :])
                if not 0 < holds <= min(_MOST, end - self.size) or length > _MOST_PACKED:
                    raise InputError(
                        f"{file.shown}: snappy chunk at offset 0x{at:x} of {holds} bytes, expected "
                        f"1 to {min(_MOST, end - self.size)}"
                    )
                self._begin.append(self.size)
                self._at.append(at)
                self._packed.append(_CHUNK_HEAD + length)
                self.size += holds
            elif kind < _SKIPPED:
                raise InputError(
                    f"{file.shown}: snappy chunk at offset 0x{at:x} of unknown type 0x{kind:x}"
                )
            at += _CHUNK_HEAD + length
        told = bytes(file.read(at, 8))
        if len(told) < 8:
            self.problems.append(truncated(file, header))
            return None
        if int.from_bytes(told, "little") != at - stream:
            raise InputError(
                f"{file.shown}: the record at offset 0x{header:x} says that its stream has "
                f"{counted(int.from_bytes(told, 'little'), 'byte')}, not {at - stream}"
            )
        return at + 8

    def close(self) -> None:
        """Close the compressed file."""
        self._kept.clear()
        self._file.close()

    def lies_at(self, path: str) -> bool:
        """See :meth:`FileBytes.lies_at`."""
        return self._file.lies_at(path)

    def read(self, offset: int, size: int) -> memoryview:
        """Return up to ``size`` bytes from ``offset`` on; fewer at the end or before damage.

        Raises InputError where the library is not installed.
        """
        end = min(offset + size, self.size)
        if offset < 0 or offset >= end:
            return memoryview(b"")
        i = bisect_right(self._begin, offset) - 1
        parts = bytearray()
        while i < len(self._begin) and self._begin[i] < end:
            data = self._chunk(i)
            if data is None:
                break
            start = self._begin[i]
            if start <= offset and end <= start + len(data):
                return memoryview(data)[offset - start : end - start]
            parts += data[max(0, offset - start) : end - start]
            i += 1
        return memoryview(bytes(parts))

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """See :meth:`FileBytes.data_ranges`."""
        if self.size:
            yield 0, self.size

    def scan(
        self, ranges: Iterable[tuple[int, int]], phase: int, step: int, magics: Sequence[bytes]
    ) -> Iterator[tuple[int, int]]:
        """See :meth:`FileBytes.scan`; damaged chunks are skipped."""
        return super().scan(self._sound(ranges), phase, step, magics)

    def scan_words(
        self, ranges: Iterable[tuple[int, int]], phase: int, word: bytes
    ) -> Iterator[tuple[int, int]]:
        """See :meth:`FileBytes.scan_words`; damaged chunks are skipped."""
        return super().scan_words(self._sound(ranges), phase, word)

    def _sound(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield ``ranges`` without damaged chunks, in parts so small that :attr:`_kept` holds each
        while it is searched. Parts overlap by a word, which may cross their border.
        """
        for start, end in ranges:
            at = start
            while at < end:
                stop = min(at + WINDOW // 2, end)
                there = at + len(self.read(at, stop - at))
                if there > at:
                    beyond = len(self.read(there, _MAX_WORD)) if there < end else 0
                    yield at, min(there + beyond, end)
                if there < stop:  # damaged: go on behind that chunk
                    i = bisect_right(self._begin, there)
                    there = self._begin[i] if i < len(self._begin) else self.size
                at = there

    def _chunk(self, i: int) -> bytes | None:
        """Return the unpacked bytes of chunk number ``i``, None where it is damaged."""
        if i in self._kept:
            self._kept.move_to_end(i)
            return self._kept[i]
        end = self._begin[i + 1] if i + 1 < len(self._begin) else self.size
        found = self._unpack(self._at[i], self._packed[i], end - self._begin[i])
        self._kept[i] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def _unpack(self, at: int, packed: int, size: int) -> bytes | None:
        try:
            import cramjam
        except ImportError as error:
            raise InputError(
                f"{self.shown}: is snappy-compressed; install the extra: pip install "
                "'hwpkho[kdump]'; or convert it: avml-convert"
            ) from error
        data = _IDENTIFIER + bytes(self._file.read(at, packed))
        try:
            found = bytes(cramjam.snappy.decompress(data, size))
            why = (
                f"gives {counted(len(found), 'byte')}, expected {size}"
                if len(found) != size
                else ""
            )
        except cramjam.DecompressionError as error:
            why = printable(str(error))
        if not why:
            return found
        self._told += 1
        if self._told <= _MAX_TOLD:
            said = f"{self.shown}: snappy chunk at offset 0x{at:x} is damaged: {why}"
            self.problems.append(problem(PAGE_DAMAGED, said))
        return None


def _holds(kind: int, length: int, data: bytes) -> int:
    """Return a chunk's unpacked size in bytes; 0 where its length field is damaged."""
    if kind == _PLAIN:
        return length - _CHECKSUM
    value = 0
    for shift, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value
    return 0


FORMAT = ImageFormat("avml", "AVML image, compressed", (AVML,), open_avml)
