"""Hashes the contents of a capture's files, so that a capture is known under any name.

A hole in a sparse file hashes like the zeros that it stands for.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import confining, opening, places
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.images import raw

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)
_NOTHING = hashlib.sha256().digest()
#: Files of a folder at most; a folder of segments or a copy of debugfs has a handful.
_MAX_FILES = 4096
_MAX_DEPTH = 8


def of_inputs(specs: Iterable[str]) -> bytes:
    """Return the SHA-256 (32 bytes) of all that ``specs`` name, in whatever order.

    A spec is a file, ``FILE@0xBASE`` or a folder. Raises InputError if one cannot be read.
    """
    each = sorted(map(_of_spec, specs))
    return hashlib.sha256(b"".join(each)).digest() if each else _NOTHING


def digest(*parts: str | bytes) -> bytes:
    """Return 16 bytes of the SHA-256 over ``parts`` and their lengths; text counts as UTF-8."""
    pieces = [p.encode("utf-8", "surrogatepass") if isinstance(p, str) else p for p in parts]
    sized = b"".join([len(piece).to_bytes(8, "little") + piece for piece in pieces])
    return hashlib.sha256(sized).digest()[:16]


def _of_spec(spec: str) -> bytes:
    path, at, base = spec.rpartition("@")
    based = bool(at) and not os.path.lexists(spec)
    place = path if based else spec
    found = hashlib.sha256(f"@{base}".encode("utf-8", "surrogatepass") if based else b"")
    if places.is_folder(place):
        _folder(found, Path(place), "", [_MAX_FILES], _MAX_DEPTH)
    else:
        _file(found, place)
    return found.digest()


def _folder(found: hashlib._Hash, folder: Path, inside: str, left: list[int], depth: int) -> None:
    confining.check_inside(str(folder))
    with os.scandir(folder) as entries:
        inner = sorted(entries, key=lambda e: e.name)
    for entry in inner:
        left[0] -= 1
        if left[0] < 0 or depth == 0:
            raise InputError(f"{printable(str(folder))}: too many files for one capture")
        name = f"{inside}/{entry.name}"
        if entry.is_dir():
            _folder(found, Path(entry.path), name, left, depth - 1)
        else:
            found.update(f"\0{name}\0".encode("utf-8", "surrogateescape"))
            # A segment is memory: it is not unpacked even if it begins like a compressed file.
            _file(found, entry.path, as_is=raw.is_segment_name(entry.name))


def _file(found: hashlib._Hash, path: str, *, as_is: bool = False) -> None:
    descriptor = opening.regular(path, as_is=as_is)
    try:
        size = os.fstat(descriptor).st_size
        found.update(size.to_bytes(8, "little"))
        if size <= _BLOCK:  # as most lists are: no need to look for zeros
            found.update(opening.read_all(descriptor, size))
            return
        at = 0
        while at < size:
            start = _data_from(descriptor, at, size)
            at = start - start % _BLOCK
            if at >= size:
                break
            block = os.pread(descriptor, _BLOCK, at)
            if not block:
                raise InputError(f"{printable(path)}: became shorter while it was read")
            if block != _ZEROS[: len(block)]:
                found.update(at.to_bytes(8, "little"))
                found.update(block)
            at += _BLOCK
    except OSError as error:
        raise InputError(f"{printable(path)}: {error.strerror or error}") from error
    finally:
        os.close(descriptor)


def _data_from(descriptor: int, at: int, size: int) -> int:
    """Return the offset of the next data in a sparse file, ``at`` if that is not known."""
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == 6 else at  # ENXIO: none up to the end
