"""Memory maps: every form of them read into one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.model import MemoryMap


def read_memmap(
    paths: Sequence[str],
    *,
    boot: str | None = None,
    map_name: str | None = None,
    arch: str | None = None,
) -> MemoryMap:
    """Return the memory map of one machine; see :func:`hwpkho.memmap.reader.read_memmap`."""
    from hwpkho.memmap import reader

    return reader.read_memmap(paths, boot=boot, map_name=map_name, arch=arch)
