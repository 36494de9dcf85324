"""What of a sosreport (sos(1)) matters: its memory maps, kernel logs, and a copy of debugfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base import places
from hwpkho.handover import debugfs as copies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def is_one(folder: Path) -> bool:
    """Tell whether a folder is what sos packs."""
    from hwpkho.memmap import folders  # costs all that reads maps: only where there is a folder

    return folders.is_sosreport(folder)


def maps(folder: Path) -> tuple[list[Path], list[str]]:
    """Return its memory maps, and lines on what is none although it should be."""
    from hwpkho.memmap import folders

    return folders.of_sosreport(folder)


def logs(folder: Path) -> Iterator[Path]:
    """Yield its kernel logs, the likeliest first."""
    from hwpkho.memmap import folders

    return folders.logs(folder)


def has_logs(folder: Path) -> bool:
    """Tell whether a tree has its logs where a sosreport has them, though sos(1) left no sign."""
    return places.is_folder(folder / "var" / "log")


def debugfs(folder: Path) -> Path | None:
    """Return the copy of debugfs in it, None where there is none."""
    return next((p for name in PLACES if copies.is_debugfs(p := folder / name)), None)


#: Where such a copy is.
PLACES = ("sys/kernel/debug/kho", "sys/kernel/debug/liveupdate", "sos_commands/kernel/kho")
