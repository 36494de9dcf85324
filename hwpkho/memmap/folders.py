"""Memory maps in a folder or an archive: those of a sosreport, or whatever maps are in it.

:mod:`hwpkho.inputs.recognise` is above this package and sorts a case's folder, in which a blob may
be a map and a log may be a list. Of a folder of maps only maps count; what recognises them is the
same: the forms of the registry, and the lines of logs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import places, tar
from hwpkho.base.escape import printable
from hwpkho.base.reading import Input
from hwpkho.errors import InputError
from hwpkho.images.registry import format_of
from hwpkho.logs.text import blocks, is_text_with_nuls, utf16_of
from hwpkho.memmap import registry
from hwpkho.memmap.lines import MapLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Files in a folder that are looked at: nobody puts maps among more.
_MAX_FILES = 4096
#: Where a sosreport has logs of the kernel, the likeliest first: folder, beginning of a name.
LOGS = (
    ("sos_commands/kernel", "dmesg"),
    ("", "dmesg"),
    ("sos_commands/general", "dmesg"),
    ("sos_commands/logs", "journalctl"),
    ("var/log", "dmesg"),
    ("var/log", "messages"),
    ("var/log", "kern.log"),
    ("var/log", "syslog"),
)


def is_map(folder: Path) -> bool:
    """Tell whether a folder is a memory map: a copy of /sys/firmware/memmap."""
    return registry.file_form(folder, b"") is not None


def is_sosreport(folder: Path) -> bool:
    """Tell whether a folder is what sos(1) packs."""
    try:
        return places.is_folder(folder / "sos_commands")
    except InputError:
        return False  # who reads it names the folder itself


def logs(folder: Path) -> Iterator[Path]:
    """Yield the kernel logs of a sosreport, the likeliest first."""
    for where, begins in LOGS:
        if places.is_folder(folder / where):
            for path in places.inside(folder / where):
                if path.name.startswith(begins) and places.is_file(path):
                    yield path


def of_sosreport(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the memory maps of a sosreport, and a line on each that cannot be used."""
    found: list[Path] = []
    said: list[str] = []
    iomem = folder / "proc" / "iomem"
    if places.is_file(iomem):
        if _has_addresses(iomem):
            found.append(iomem)
        else:
            name = printable(str(iomem))
            said.append(f"{name}: all addresses are 0: the report was not made as root")
    memmap = folder / "sys" / "firmware" / "memmap"
    if places.is_folder(memmap) and is_map(memmap):
        found.append(memmap)
    log = next((path for path in logs(folder) if _is_map(path)), None)
    return [*found, *([log] if log else [])], said


def maps_in(folder: Path) -> list[Path]:
    """Return the memory maps in a folder: files, or folders of their own.

    Raises InputError where the folder holds too many files.
    """
    held = [p for p in places.inside(folder) if not p.name.startswith(".")]
    _check_number(len(held), folder)
    return [path for path in held if _is_map(path)]


def _check_number(found: int, folder: Path) -> None:
    if found > _MAX_FILES:
        raise InputError(f"{printable(str(folder))}: {found} files are too many for one case")


def copies_in(folder: str, found: Iterable[Path]) -> list[Path]:
    """Return the copies of /sys/firmware/memmap and runtime-map, however deep in an archive.

    Those that belong to the maps ``found`` are left out. None are returned of a folder on disk,
    which may be large. Raises InputError where there are too many.
    """
    inside = places.within(folder)
    if inside is None:
        return []
    archive, top = inside
    from hwpkho.memmap.formats import sysfs_memmap  # few folders are archives

    below = f"{top}/" if top else ""
    files = (file.removeprefix(below) for file in archive.files() if file.startswith(below))
    values = (value for file in files if (value := sysfs_memmap.split_path(file)))
    copies = {Path(folder) / at for at, _, field in values if field in sysfs_memmap.STARTS}
    for path in found:
        copies.difference_update(sysfs_memmap.folders_of(path))
    _check_number(len(copies), Path(folder))
    return sorted(copies)


def _has_addresses(path: Path) -> bool:
    with Input(str(path)) as source:
        return bool(source.head.strip(b"0 -:\n")) and any(
            set(line.partition(b":")[0]) - set(b"0 -") for line in source.head.splitlines()
        )


def _is_map(path: Path) -> bool:
    if places.is_folder(path):
        return is_map(path)
    if not places.is_file(path):
        return False
    with Input(str(path)) as source:
        if format_of(source.head) is not None or tar.is_tar(source.head):
            return False  # in a folder, memory images and archives do not count as maps
        if registry.file_form(path, source.head) is not None:
            return True
        if b"\0" in source.head and utf16_of(source.head) is None and not _has_nuls(path):
            return False
        lines = MapLines()
        for block in blocks(source.pieces()):
            lines.feed(block)
        return lines.form() is not None


def _has_nuls(path: Path) -> bool:
    """Tell whether a file is a text with NULs in it."""
    with Input(str(path)) as source:  # its pieces are read once
        return is_text_with_nuls(source.pieces())
