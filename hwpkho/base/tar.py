"""Reads the headers of a tar archive, one after the other; nothing is extracted.

Source: POSIX.1-2017 pax(1) (ustar and pax headers); GNU tar manual, "Basic Tar Format" (long names,
base-256 numbers, sparse files) and "Storing Sparse Files". The archive may be hostile: the standard
library's tarfile loops forever on sizes that lead backwards, hence this reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.digits import unsigned
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: ``read(offset, count)`` returns ``count`` bytes, fewer only at the end.
    Read = Callable[[int, int], bytes]

BLOCK = 512
_MAGIC_AT, _MAGIC = 257, b"ustar"
_GNU_MAGIC = b"ustar  \0"
_MAX_NAME = 65536
_FILES, _FOLDER, _LINKS, _SPARSE = (b"0", b"\0", b"7"), b"5", (b"1", b"2"), b"S"
#: The most pieces of a sparse file; that of a memory image has thousands.
_MAX_PIECES = 1 << 17
_PIECE = 24

Kind = Literal["file", "folder", "link", "other"]


class Member(NamedTuple):
    """A member of an archive.

    Attributes:
        path: Its path as the archive has it, not checked.
        kind: Its type; ``other`` for devices, FIFOs and unknown types.
        at: Offset of its content in the archive, bytes.
        size: Bytes of that content.
        real: Bytes of the extracted file; more than ``size`` for a sparse file.
        pieces: ``(offset, size)`` in bytes of each piece of a sparse file, in the order of the
            content; None for any other member.
        target: For a hard link, the path of the member that it links to.
    """

    path: str
    kind: Kind
    at: int
    size: int
    real: int
    pieces: tuple[tuple[int, int], ...] | None = None
    target: str = ""


def is_tar(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` (512 bytes) is a tar archive."""
    return len(head) >= BLOCK and head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def members(read: Read, end: int, shown: str) -> Iterator[Member]:
    """Yield the members of an archive of ``end`` bytes.

    Raises InputError, naming the archive as ``shown`` and the offset, where a header is damaged or
    content is cut off.
    """
    at = 0
    long_name: str | None = None
    long_target: str | None = None
    extended: dict[str, str] = {}
    while at + BLOCK <= end:
        head = read(at, BLOCK)
        if not any(head):
            return
        size = _number(head[124:136])
        if not is_tar(head) or _number(head[148:156]) != sum(head) - sum(head[148:156]) + 8 * 32:
            raise InputError(f"{shown}: tar archive: no valid header at offset 0x{at:x}")
        kind = head[156:157]
        if kind in (*_FILES, _SPARSE) and "size" in extended:
            size = unsigned(extended["size"])
        if size is None or size < 0 or (size and at + BLOCK + size > end):
            raise InputError(
                f"{shown}: tar archive: the member at offset 0x{at:x} reaches past the end"
            )
        content = at + BLOCK
        if kind in (b"L", b"K", b"x"):
            if size > _MAX_NAME:
                raise InputError(f"{shown}: tar archive: a name of {size} bytes at offset 0x{at:x}")
            raw = read(content, size)
            if kind == b"L":
                long_name = _text(raw)
            elif kind == b"K":
                long_target = _text(raw)
            else:
                extended = _pax(raw)
        elif kind != b"g":
            prefix = "" if head[257:265] == _GNU_MAGIC else _text(head[345:500])
            name = _text(head[:100])
            path = long_name or extended.get("path") or (f"{prefix}/{name}" if prefix else name)
            found = _member(path, kind, content, size)
            if kind == _SPARSE:
                content, found = _old_sparse(read, head, found, end, shown)
            elif "GNU.sparse.major" in extended:
                found = _new_sparse(read, extended, found, shown)
            if kind == b"1":
                target = long_target or extended.get("linkpath") or _text(head[157:257])
                found = found._replace(target=target)
            long_name, long_target, extended = None, None, {}
            yield found
        at = content + (size + BLOCK - 1) // BLOCK * BLOCK
    if extended or long_name or long_target or (at < end and any(read(at, end - at))):
        raise InputError(f"{shown}: tar archive: is cut off in the header at offset 0x{at:x}")


def _member(path: str, kind: bytes, at: int, size: int) -> Member:
    if kind in _FILES:
        # Before ustar a folder was a file whose name ends in a slash.
        return Member(path, "folder" if path.endswith("/") else "file", at, size, size)
    what: Kind = "folder" if kind == _FOLDER else "link" if kind in _LINKS else "other"
    return Member(path, what, at, size, size)


def _old_sparse(read: Read, head: bytes, found: Member, end: int, shown: str) -> tuple[int, Member]:
    """Return the offset of a sparse file's content, and the member: GNU tar's own format."""
    pieces = _entries(head[386:482])
    more, at = head[482], found.at
    while more:
        block = read(at, BLOCK)
        if len(block) < BLOCK or len(pieces) > _MAX_PIECES:
            raise InputError(f"{shown}: tar archive: no valid map of holes at offset 0x{at:x}")
        pieces += _entries(block[:504])
        more, at = block[504], at + BLOCK
    member = found._replace(kind="file", at=at, real=_number(head[483:495]) or 0)
    if at + found.size > end:
        raise InputError(
            f"{shown}: tar archive: the member at offset 0x{at:x} reaches past the end"
        )
    return at, _checked(member._replace(pieces=tuple(pieces)), shown)


def _entries(data: bytes) -> list[tuple[int, int]]:
    found = []
    for at in range(0, len(data) - _PIECE + 1, _PIECE):
        start, size = _number(data[at : at + 12]), _number(data[at + 12 : at + 24])
        if not data[at]:
            break
        found.append((-1 if start is None else start, -1 if size is None else size))
    return found


def _new_sparse(read: Read, extended: dict[str, str], found: Member, shown: str) -> Member:
    """Return a sparse file of pax format 1.0: its content begins with its map, in decimal lines."""
    lines: list[int] = []
    wanted, at = 1, 0
    text = b""
    while len(lines) < wanted:
        while b"\n" not in text:
            block = read(found.at + at, BLOCK) if at + BLOCK <= found.size else b""
            if not block or len(text) > BLOCK:
                raise InputError(
                    f"{shown}: tar archive: no valid map of holes at offset 0x{found.at:x}"
                )
            text, at = text + block, at + BLOCK
        line, _, text = text.partition(b"\n")
        lines.append(int(line) if line.isdigit() and len(line) < 20 else -1)
        if len(lines) == 1:
            wanted = 1 + 2 * min(max(lines[0], 0), _MAX_PIECES)
    real = unsigned(extended.get("GNU.sparse.realsize", ""))
    return _checked(
        found._replace(
            path=extended.get("GNU.sparse.name", found.path),
            at=found.at + at,
            size=found.size - at,
            real=-1 if real is None else real,
            pieces=tuple(zip(lines[1::2], lines[2::2], strict=True)),
        ),
        shown,
    )


def _checked(member: Member, shown: str) -> Member:
    """Return ``member``; InputError where the pieces of a sparse file do not fit its sizes."""
    end = 0
    for start, size in member.pieces or ():
        if start < end or size < 0:
            break
        end = start + size
    else:
        held = sum(size for _, size in member.pieces or ())
        if held <= member.size and end <= member.real < 1 << 63:
            return member
    raise InputError(f"{shown}: tar archive: no valid map of holes at offset 0x{member.at:x}")


def _number(field: bytes) -> int | None:
    """Return a header's number: octal digits, or base 256 where the top bit is set (GNU)."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big", signed=True) & ~(1 << (8 * len(field) - 1))
    text = field.strip(b"\0 ")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        return None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _pax(data: bytes) -> dict[str, str]:
    """Return the records of a pax extended header."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        blank = data.find(b" ", at, at + 12)
        if blank < 0 or not data[at:blank].isdigit():
            break
        size = int(data[at:blank])
        key, _, value = data[blank + 1 : at + size - 1].partition(b"=")
        found[key.decode("latin-1")] = value.decode("utf-8", "surrogateescape")
        if size <= blank - at:
            break
        at += size
    return found
