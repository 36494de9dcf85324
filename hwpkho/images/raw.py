"""Raw memory: ``FILE@0xBASE``, and folders of ``0xADDR.bin`` segments."""

from __future__ import annotations

import re
import resource
from typing import TYPE_CHECKING

from hwpkho.base import places, sparse
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.errors import InputError
from hwpkho.images.extents import MappedSource
from hwpkho.images.files import FileBytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_AT_BASE = re.compile(r"(?P<path>.+)@(?P<base>0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})", re.DOTALL)
_SEGMENT = late(r"0[xX]([0-9a-fA-F]+)\.bin")


def split_base(spec: str) -> tuple[str, int] | None:
    """Split ``FILE@0xBASE`` into the path and the physical address (bytes).

    None for anything else, and where a file of that whole name exists.
    """
    match = _AT_BASE.fullmatch(spec)
    if match is None or places.exists(spec):
        return None
    base = int(match["base"], 0) if match["base"][:2] in ("0x", "0X") else int(match["base"])
    return match["path"], base


def open_raw(path: str, base: int) -> MappedSource:
    """Open a file whose first byte is at physical address ``base`` (bytes).

    Raises InputError where it cannot be read, is empty, or would reach past 2^64.
    """
    file = FileBytes(path)
    name = f"{printable(path)}@0x{base:x}"
    if not file.size:
        raise InputError(f"{name}: the file is empty")
    if base + file.size > PHYS_END:
        raise InputError(
            f"{name}: {counted(file.size, 'byte from there reaches', 'bytes from there reach')} "
            "past 2^64"
        )
    source = MappedSource(name, [file], [base], [file.size], [0])
    source.partial = True  # the machine may have more memory
    return source


def segment_files(folder: Path) -> list[tuple[int, Path]]:
    """Return ``(phys, path)`` of the ``0xADDR.bin`` files in a folder, ascending; phys in bytes.

    What does not open, such as a link in an archive, is among them, as its memory would be missing.
    Raises InputError where the folder cannot be read.
    """
    held = [*places.inside(folder), *places.without_content(folder)]
    return sorted((int(m[1], 16), p) for p in held if (m := _SEGMENT.fullmatch(p.name)))


def open_segments(folder: Path) -> MappedSource:
    """Open a folder of ``0xADDR.bin`` files.

    Raises InputError where all are empty, two overlap, or one cannot be read or reaches past 2^64.
    """
    found = segment_files(folder)
    _allow_open_files(len(found))
    files = [FileBytes(str(path), inside=True, as_is=True) for _, path in found]
    end, before = -1, ""
    for (phys, path), file in zip(found, files, strict=True):
        if phys < end:
            raise InputError(f"{printable(str(path))}: overlaps {printable(before)}")
        if phys + max(file.size, 1) > PHYS_END:
            there = counted(file.size, "byte from there reaches", "bytes from there reach")
            why = f"{there} past 2^64"
            raise InputError(f"{printable(str(path))}: {why}")
        end, before = phys + file.size, path.name
    if not any(f.size for f in files):
        raise InputError(f"{printable(str(folder))}: the segments are empty")
    return MappedSource(
        printable(str(folder)),
        files,
        [phys for phys, _ in found],
        [f.size for f in files],
        [0] * len(found),
        list(range(len(found))),
    )


def _allow_open_files(count: int) -> None:
    """Raise RLIMIT_NOFILE, as far as allowed, so that ``count`` segments can be open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and count + 64 > soft:
        wanted = count + 64 if hard == resource.RLIM_INFINITY else min(count + 64, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def is_segment_name(name: str) -> bool:
    """Tell whether a file of this name is a segment: ``0xADDR.bin``."""
    return _SEGMENT.fullmatch(name) is not None


def write_segments(
    folder: Path, extents: Iterable[tuple[int, Sequence[bytes | memoryview]]]
) -> None:
    """Write each extent ``(phys, parts)`` to ``0xADDR.bin`` in an existing folder."""
    for phys, parts in extents:
        with (folder / f"0x{phys:x}.bin").open("wb") as out:
            sparse.write(out, parts)
