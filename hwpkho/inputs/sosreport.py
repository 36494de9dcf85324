"""Finds the memory maps, the kernel logs and the debugfs copy in a sosreport (sos(1))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base import places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def is_one(folder: Path) -> bool:
    """Tell whether a folder is a sosreport."""
    from hwpkho.memmap import folders  # slow to import, and needed only for folders

    return folders.is_sosreport(folder)


def maps(folder: Path) -> tuple[list[Path], list[str]]:
    """Return its memory maps, and notes on files that should be maps but are not."""
    from hwpkho.memmap import folders

    return folders.of_sosreport(folder)


def logs(folder: Path) -> Iterator[Path]:
    """Yield its kernel logs, the likeliest first."""
    from hwpkho.memmap import folders

    return folders.logs(folder)


def has_logs(folder: Path) -> bool:
    """Tell whether a folder has a var/log like a sosreport, even if sos(1) did not make it."""
    return places.is_folder(folder / "var" / "log")


def debugfs(folder: Path) -> Path | None:
    """Return the copy of debugfs in it, None where there is none."""
    from hwpkho.handover.debugfs import is_debugfs  # for few folders

    return next((p for name in PLACES if is_debugfs(p := folder / name)), None)


#: Where a copy of debugfs may be.
PLACES = ("sys/kernel/debug/kho", "sys/kernel/debug/liveupdate", "sos_commands/kernel/kho")
