"""Reads the memory maps that the user named; the error for another input says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base import places
from hwpkho.base.unopened import named
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.model import MemoryMap


def read(
    paths: Sequence[str],
    *,
    boot: str | None = None,
    map_name: str | None = None,
    arch: str | None = None,
) -> MemoryMap:
    """Read the memory map of one machine; see :func:`hwpkho.memmap.reader.read_memmap`.

    Raises InputError and UsageError as that does. For an input that is something else, such as a
    list, the message says what it is and what reads it.
    """
    from hwpkho.memmap import reader  # slow to import

    try:
        return reader.read_memmap(paths, boot=boot, map_name=map_name, arch=arch)
    except reader.UnreadMapError as error:
        from hwpkho.inputs import mistakes, recognise  # only for a mistake

        # For a memory image the reader's own message is better: it says why there is no map in it.
        image = frozenset() if places.is_folder(error.path) else {recognise.Kind.IMAGE}
        among = recognise.INPUTS - image
        said = mistakes.instead(error.path, "memory map", error.head, among)
        if said is None:
            raise
        raise InputError(f"{named(error.path)}: {said}") from error
