"""LiME images: for each range of memory a header, followed by its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.images.base import ImageFormat
from hwpkho.images.extents import MappedSource
from hwpkho.images.records import HEADER_SIZE, LIME, check_count, cut_header, record, truncated

if TYPE_CHECKING:
    from hwpkho.codes import Problem
    from hwpkho.images.files import FileBytes


def open_lime(file: FileBytes) -> MappedSource:
    """Open a LiME image. Raises InputError where a header is damaged."""
    phys: list[int] = []
    sizes: list[int] = []
    offsets: list[int] = []
    problems: list[Problem] = []
    at = total = 0
    while (found := record(file, at, LIME)) is not None:
        size = min(found.size, file.size - at - HEADER_SIZE)
        if size < found.size:
            problems.append(truncated(file, at))
        phys.append(found.phys)
        sizes.append(size)
        offsets.append(at + HEADER_SIZE)
        at, total = at + HEADER_SIZE + size, total + size
        check_count(file, len(phys), total)
    problems += cut_header(file, at)
    source = MappedSource(printable(file.path), [file], phys, sizes, offsets)
    source.problems, source.partial = problems, bool(problems)
    return source


FORMAT = ImageFormat("lime", "LiME image", (LIME,), open_lime)
